import type { IndexedRun, RunStats } from "../core/ports.ts";
import { isTerminal, type RunStatus } from "../protocol/event.ts";
import { LIMITS } from "../protocol/limits.ts";
import { isAfter } from "./run-filter.ts";

/** What the numbers over runs mean: the memory index uses it, and D1's SQL is tested against it. */
export function statsOf(rows: readonly IndexedRun[], days: readonly string[]): RunStats {
  const runs = rows
    .map(({ run }) => run)
    .sort((a, b) => (isAfter(a, { createdAt: b.created_at, runId: b.run_id }) ? 1 : -1));
  const counts = noCounts();
  for (const { status } of runs) counts[status] += 1;
  const durations = runs
    .map(({ duration_ms }) => duration_ms)
    .filter((ms) => ms !== null)
    .sort((a, b) => a - b);
  const byWorkflow = Map.groupBy(
    runs.filter((run) => run.workflow_id !== null),
    (run) => run.workflow_id ?? "",
  );
  return {
    counts,
    durationMs: { p50: percentile(durations, 50), p95: percentile(durations, 95) },
    perDay: days.map((day) => runs.filter(({ created_at }) => created_at.startsWith(day)).length),
    workflows: [...byWorkflow]
      .flatMap(([workflowId, [last, ...older]]) => {
        if (last === undefined) return [];
        const { run_id, status, created_at } = last;
        return [{ workflowId, total: older.length + 1, last: { run_id, status, created_at } }];
      })
      .slice(0, LIMITS.statsWorkflows),
    open: rows
      .filter(({ run }) => !isTerminal(run.status))
      .map(({ run, revision }) => ({ runId: run.run_id, status: run.status, revision })),
  };
}

export const noCounts = (): Record<RunStatus, number> => ({
  queued: 0,
  building: 0,
  running: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
});

/** Nearest rank: the least of them that `percent` per cent do not exceed. */
const percentile = (sorted: readonly number[], percent: number): number | null =>
  sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? null;
