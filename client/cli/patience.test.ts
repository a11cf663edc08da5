import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { loseHope } from "./patience.ts";

const never = () => false;

test("what moves is waited for, however slowly and long; what does not move any more is given up", async () => {
  let left = 30;
  let isLost = false;
  const lost = loseHope(
    () => left,
    () => 1_000,
    never,
  ).then(() => (isLost = true));
  for (; left > 0; left -= 1) {
    await sleep(100);
    expect(isLost).toBe(false);
  }
  const stoppedAt = Date.now();
  await lost;
  expect(Date.now() - stoppedAt).toBeGreaterThan(700);
});

test("how long is asked each time, and nobody has to wait", async () => {
  let idleMs = 60_000;
  const lost = loseHope(
    () => 1,
    () => idleMs,
    never,
  );
  await sleep(200);
  idleMs = 100;
  await lost;
  await loseHope(
    () => 1,
    () => 60_000,
    () => true,
  );
});
