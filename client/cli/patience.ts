import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 100;

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
