import { setTimeout as sleep } from "node:timers/promises";

/** A busy machine takes its time. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 4_000) throw new Error("it did not come about");
    await sleep(5);
  }
}
