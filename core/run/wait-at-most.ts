import type { Timer } from "../ports.ts";

/**
 * Waits for the work, but not longer than that; the work itself goes on. The timer is let go of as soon as the work is done: one that is
 * pending keeps the object in memory, and its sockets from hibernating. [ALM2]
 */
export async function waitAtMost(timer: Timer, ms: number, work: Promise<unknown>): Promise<void> {
  let letGo = (): void => {};
  const pause = new Promise<void>((resolve) => {
    letGo = timer.after(ms, resolve);
  });
  try {
    await Promise.race([work, pause]);
  } finally {
    letGo();
  }
}
