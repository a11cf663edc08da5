import type { RunStats } from "../core/ports.ts";
import type { Stats } from "../protocol/api.ts";
import { RUN_STATUSES, type RunStatus } from "../protocol/event.ts";
import { LIMITS } from "../protocol/limits.ts";

export type LiveStatus = { runId: string; status: RunStatus; revision: number };

/** The last days in UTC, oldest first, today included. */
export function statsDays(now: number): string[] {
  const today = new Date(now);
  return Array.from({ length: LIMITS.statsDays }, (_, at) => {
    const day = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate() - (LIMITS.statsDays - 1 - at));
    return new Date(day).toISOString().slice(0, 10);
  });
}

/** The index's numbers with the status that open runs have by now: the same that a list lays over its rows. [STS1] */
export function toWireStats(stats: RunStats, live: readonly LiveStatus[], days: readonly string[]): Stats {
  const liveByRun = new Map(live.map((each) => [each.runId, each]));
  const counts = { ...stats.counts };
  const movedByRun = new Map<string, RunStatus>();
  for (const { runId, status, revision } of stats.open) {
    const now = liveByRun.get(runId);
    if (now === undefined || now.revision < revision || now.status === status) continue;
    counts[status] -= 1;
    counts[now.status] += 1;
    movedByRun.set(runId, now.status);
  }
  const ended = counts.succeeded + counts.failed + counts.cancelled;
  return {
    counts,
    total: RUN_STATUSES.reduce((sum, status) => sum + counts[status], 0),
    active: counts.queued + counts.building + counts.running,
    success_rate: ended === 0 ? null : counts.succeeded / ended,
    duration_ms: stats.durationMs,
    runs_per_day: days.map((day, at) => ({ day, count: stats.perDay[at] ?? 0 })),
    workflows: stats.workflows.map(({ workflowId, total, last }) => ({
      workflow_id: workflowId,
      total,
      last_run_id: last.run_id,
      last_status: movedByRun.get(last.run_id) ?? last.status,
      last_created_at: last.created_at,
    })),
  };
}
