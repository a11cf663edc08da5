import { setTimeout as sleep } from "node:timers/promises";

export type Patience = {
  /** Without anything getting less. */
  idleMs: number;
  /** In all, however it goes. */
  totalMs: number;
};

const LOOK_MS = 100;

/** Resolves once there is no more hope that `left` goes down to nothing: it has not moved for too long, or nobody wants to wait. */
export async function loseHope(
  left: () => number,
  { idleMs, totalMs }: Patience,
  isOver: () => boolean,
): Promise<null> {
  const begunAt = Date.now();
  let before = left();
  let movedAt = begunAt;
  while (!isOver() && Date.now() - movedAt < idleMs && Date.now() - begunAt < totalMs) {
    await sleep(LOOK_MS, null, { ref: false });
    const now = left();
    if (now < before) movedAt = Date.now();
    before = now;
  }
  return null;
}
