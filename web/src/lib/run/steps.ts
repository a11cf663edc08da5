import type { RunEvent } from "../../../../protocol/event.ts";
import { numberOr, textOr } from "../../../../protocol/lenient.ts";
import type { Summary } from "../../../../protocol/summary.ts";

type SummaryStep = Summary["steps"]["items"][number];
export type Step = {
  id: string;
  name: string;
  status: SummaryStep["status"];
  startedAt: number | null;
  durationMs: number | null;
  /** How deep it lies in other steps. */
  depth: number;
  /** Where it begins and ends in the log, as far as that is known. */
  first: number | null;
  last: number | null;
};

/** Deeper nesting is drawn as this deep: a chain of parents that bites its tail ends here too. */
const MOST_DEPTH = 6;

/** The steps as the summary counts them, with their places from the events. */
export function stepsOf(steps: Summary["steps"], events: readonly RunEvent[]): Step[] {
  const places = new Map<string, { first: number | null; last: number | null; parent: string | null }>();
  for (const event of events) {
    const id = event.step ?? textOr(event.payload["name"], null);
    if (id === null) continue;
    if (event.type === "step.started")
      places.set(id, { first: event.sequence, last: null, parent: textOr(event.payload["parent"], null) });
    else if (event.type === "step.completed")
      places.set(id, { first: null, parent: null, ...places.get(id), last: event.sequence });
  }
  const depthOf = (id: string): number => {
    let depth = 0;
    for (let parent = places.get(id)?.parent; parent != null && depth < MOST_DEPTH; parent = places.get(parent)?.parent)
      depth += 1;
    return depth;
  };
  return steps.items.map((step) => ({
    id: step.id,
    name: step.name,
    status: step.status,
    startedAt: step.started_at === null ? null : Date.parse(step.started_at),
    durationMs: step.duration_ms,
    depth: depthOf(step.id),
    first: places.get(step.id)?.first ?? null,
    last: places.get(step.id)?.last ?? null,
  }));
}

/** A step's bar between the first step's beginning and the end, both in percent; null when it is not known when it began. */
export function barOf(step: Step, span: { from: number; to: number }): { left: number; width: number } | null {
  if (step.startedAt === null) return null;
  const whole = Math.max(1, span.to - span.from);
  const percent = (ms: number): number => Math.min(100, Math.max(0, (100 * ms) / whole));
  const left = percent(step.startedAt - span.from);
  const width = percent(step.durationMs ?? span.to - step.startedAt);
  return { left, width: Math.min(width, 100 - left) };
}

/** From the first beginning to the last end; to `now` while one runs. */
export function spanOf(steps: readonly Step[], now: number): { from: number; to: number } {
  const begun = steps.filter((step): step is Step & { startedAt: number } => step.startedAt !== null);
  const from = begun.length === 0 ? now : Math.min(...begun.map(({ startedAt }) => startedAt));
  const to = Math.max(
    from,
    ...begun.map((step) => (step.status === "running" ? now : step.startedAt + numberOr(step.durationMs, 0))),
  );
  return { from, to };
}

/** The step a failed run failed in: the last that failed, else the one that was running. */
export const failedStep = (steps: readonly Step[]): Step | null =>
  steps.findLast(({ status }) => status === "failed") ?? steps.findLast(({ status }) => status === "running") ?? null;
