import type { RunEvent } from "../../../../protocol/event.ts";
import type { SequenceRange } from "../console/log-lines.ts";
import { failedStep, type Step } from "./steps.ts";

/** The step a run failed in, and the lines to look for its reason in. */
export type FailurePlace = { step: Step | null; within: SequenceRange };

/**
 * Up to the end of the step that failed: what cleans up behind it has more to say, and nothing to do with it. Else up to the last error that was reported,
 * else up to the end of the log.
 */
export function failurePlace(steps: readonly Step[], events: readonly RunEvent[], head: number): FailurePlace {
  const step = failedStep(steps);
  if (step?.status === "failed" && step.last !== null)
    return { step, within: { first: step.first ?? 1, last: step.last } };
  const error = events.findLast(({ type }) => type === "run.error");
  return { step, within: { first: 1, last: error?.sequence ?? head } };
}
