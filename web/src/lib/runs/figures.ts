import type { Run } from "../../../../protocol/api.ts";
import { isTerminal, type TerminalStatus } from "../../../../protocol/event.ts";

export type Figures = {
  active: number;
  finished: number;
  /** Of the finished runs, in percent; null when there is none. */
  successRate: number | null;
  p50Ms: number | null;
  p95Ms: number | null;
  /** The last ended runs, oldest first, the longest being 1. */
  bars: { runId: string; status: TerminalStatus; share: number }[];
};

const BARS = 24;

/** The quiet line above the list. It speaks of the runs that are listed, and says so; nothing is guessed about the others. */
export function figuresOf(runs: readonly Run[]): Figures {
  const ended = runs.flatMap(({ run_id: runId, status, duration_ms: durationMs }) =>
    isTerminal(status) ? [{ runId, status, durationMs }] : [],
  );
  const durations = ended
    .flatMap(({ durationMs }) => (durationMs === null ? [] : [durationMs]))
    .toSorted((a, b) => a - b);
  const latest = ended.slice(0, BARS).toReversed();
  const longest = Math.max(1, ...latest.map(({ durationMs }) => durationMs ?? 0));
  return {
    active: runs.length - ended.length,
    finished: ended.length,
    successRate:
      ended.length === 0 ? null : (100 * ended.filter(({ status }) => status === "succeeded").length) / ended.length,
    p50Ms: quantile(durations, 0.5),
    p95Ms: quantile(durations, 0.95),
    bars: latest.map(({ runId, status, durationMs }) => ({ runId, status, share: (durationMs ?? 0) / longest })),
  };
}

/** The smallest value that at least `share` of all do not exceed: a duration some run really had. */
const quantile = (rising: readonly number[], share: number): number | null =>
  rising[Math.max(0, Math.ceil(rising.length * share) - 1)] ?? null;
