import { setTimeout as sleep } from "node:timers/promises";
import type { ProducerState } from "../run-producer.ts";

const LOOK_MS = 100;
/** Since something was taken last: as long as the rest is taken it is waited for, however slowly. */
const IDLE_MS = 10_000;
/** A server that has a batch and is only slow to answer: as long as a request may take. */
const ANSWER_MS = 30_000;

/** How long nothing may be taken before what is left is put off. */
export const idleMsOf = ({ kind }: ProducerState): number => (kind === "retrying" ? IDLE_MS : ANSWER_MS);

/**
 * Resolves once there is no more hope that `left` goes down to nothing: it has not moved for as long as `idleMs` says by now, or nobody wants to wait.
 * As long as it moves it is waited for, however slowly that is.
 */
export async function loseHope(left: () => number, idleMs: () => number, isOver: () => boolean): Promise<null> {
  let before = left();
  let movedAt = Date.now();
  while (!isOver() && Date.now() - movedAt < idleMs()) {
    await sleep(LOOK_MS, null, { ref: false });
    const now = left();
    if (now < before) movedAt = Date.now();
    before = now;
  }
  return null;
}
