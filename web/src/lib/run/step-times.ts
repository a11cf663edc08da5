import type { Step } from "./steps.ts";

type Timed = Pick<Step, "id" | "status" | "startedAt" | "durationMs" | "depth">;
type Interval = { from: number; to: number };

/** When it ran; one that still runs, until now. Null: it is not known when it began. */
function intervalOf(step: Timed, now: number): Interval | null {
  if (step.startedAt === null) return null;
  const tookMs = step.durationMs ?? (step.status === "running" ? now - step.startedAt : 0);
  return { from: step.startedAt, to: step.startedAt + Math.max(0, tookMs) };
}

/** From the first beginning to the last end; to `now` while one runs. */
export function spanOf(steps: readonly Timed[], now: number): Interval {
  let from = Infinity;
  let to = -Infinity;
  for (const step of steps) {
    const interval = intervalOf(step, now);
    if (interval === null) continue;
    from = Math.min(from, interval.from);
    to = Math.max(to, interval.to);
  }
  return from > to ? { from: now, to: now } : { from, to };
}

/** A step's bar in the whole, both in percent; null when it is not known when it began. */
export function barOf(step: Timed, span: Interval, now: number): { left: number; width: number } | null {
  const interval = intervalOf(step, now);
  if (interval === null) return null;
  const whole = Math.max(1, span.to - span.from);
  const percent = (ms: number): number => Math.min(100, Math.max(0, (100 * ms) / whole));
  const left = percent(interval.from - span.from);
  return { left, width: Math.min(percent(interval.to - interval.from), 100 - left) };
}

/**
 * The step that itself took longest: time in which a step inside of it ran is that step's, or the outermost would always be the slowest. Null
 * where there is nothing to compare. `steps` in the order of the tree.
 */
export function slowestOf(steps: readonly Timed[], now: number): { id: string; ownMs: number } | null {
  const timed = steps.flatMap((step) => {
    const interval = intervalOf(step, now);
    return interval === null ? [] : [{ id: step.id, depth: step.depth, interval, inside: [] as Interval[] }];
  });
  const open: typeof timed = [];
  for (const step of timed) {
    while ((open.at(-1)?.depth ?? -1) >= step.depth) open.pop();
    open.at(-1)?.inside.push(step.interval);
    open.push(step);
  }
  if (timed.length < 2) return null;
  let slowest: { id: string; ownMs: number } | null = null;
  for (const { id, interval, inside } of timed) {
    const ownMs = interval.to - interval.from - covered(interval, inside);
    if (ownMs > (slowest?.ownMs ?? 0)) slowest = { id, ownMs };
  }
  return slowest;
}

/** How much of `whole` the parts cover together; they may overlap, and reach beyond it. */
function covered(whole: Interval, parts: readonly Interval[]): number {
  let sum = 0;
  let upTo = whole.from;
  for (const { from, to } of parts.toSorted((a, b) => a.from - b.from)) {
    const end = Math.min(to, whole.to);
    sum += Math.max(0, end - Math.max(from, upTo));
    upTo = Math.max(upTo, end);
  }
  return sum;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Distances between marks that a person reads at a glance. */
const DISTANCES_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
  [1, 2, 5, 10, 15, 30].map((s) => s * SECOND_MS),
  [1, 2, 5, 10, 15, 30].map((m) => m * MINUTE_MS),
  [1, 2, 3, 6, 12].map((h) => h * HOUR_MS),
  [1, 2, 5, 10].map((d) => d * DAY_MS),
);

/** Where the axis of a span is marked: round distances from its beginning, at most `most` of them and the beginning itself. */
export function ticksOf(spanMs: number, most: number): number[] {
  const least = spanMs / Math.max(1, most);
  const distance = DISTANCES_MS.find((ms) => ms >= least) ?? Math.ceil(least / (10 * DAY_MS)) * 10 * DAY_MS;
  return Array.from({ length: Math.floor(spanMs / distance) + 1 }, (_, at) => at * distance);
}
