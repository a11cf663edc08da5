import { setTimeout as sleep } from "node:timers/promises";

/** Asks again until the answer is true; says what was waited for when it never is. */
export async function waitUntil(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  { timeoutMs = 20_000, everyMs = 25 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(everyMs)) {
    if (await isSo()) return;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
  }
}
