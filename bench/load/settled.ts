import { setTimeout as sleep } from "node:timers/promises";
import { groupSeconds } from "./usage.ts";

const LOOK_EVERY_MS = 100;
const WITHIN_MS = 120_000;

/** Waits until a server has nothing left to do of what it was given: what it still does would be measured with what comes next. */
export async function settled(group: number): Promise<void> {
  for (const deadline = performance.now() + WITHIN_MS; performance.now() < deadline;) {
    const before = groupSeconds(group);
    await sleep(LOOK_EVERY_MS);
    const after = groupSeconds(group);
    // Only Linux tells; elsewhere a pause has to do.
    if (before === null || after === null) return sleep(2_000);
    if (after === before) return;
  }
}
