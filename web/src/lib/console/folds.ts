import type { Step } from "../run/steps.ts";

/** A step with a beginning in the log and, unless it still runs, an end. */
export type PlacedStep = Step & { first: number };

export const placedSteps = (steps: readonly Step[]): PlacedStep[] =>
  steps
    .filter((step): step is PlacedStep => step.first !== null)
    .toSorted((a, b) => a.first - b.first || endOf(b) - endOf(a));

const endOf = (step: Step): number => step.last ?? Infinity;

/** Those that have ended and hold nothing of a step that goes on behind them, by their first event: folded, they would hide what is not theirs. */
export function foldableSteps(steps: readonly PlacedStep[]): Map<number, PlacedStep> {
  const foldable = new Map<number, PlacedStep>();
  let open: PlacedStep[] = [];
  for (const step of steps) {
    open = open.filter((other) => endOf(other) >= step.first);
    const isTorn = open.filter((other) => endOf(other) < endOf(step));
    for (const other of isTorn) foldable.delete(other.first);
    if (isTorn.length === 0 && step.last !== null && step.last > step.first) foldable.set(step.first, step);
    open.push(step);
  }
  return foldable;
}

/** The innermost step that the event lies in. */
export const stepAt = (steps: readonly PlacedStep[], sequence: number): PlacedStep | null =>
  steps.findLast((step) => step.first <= sequence && endOf(step) >= sequence) ?? null;
