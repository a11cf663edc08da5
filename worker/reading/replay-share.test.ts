import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogWindow } from "../../core/ports.ts";
import { emptyWindow, fits, sent } from "../../core/run/flow-control.ts";
import { ReplayShare } from "./replay-share.ts";

const MIB = 1024 * 1024;
const windowOf = (chars: number): LogWindow => ({ firstSequence: 1, lastSequence: 1, lines: "x".repeat(chars) });
const readingOf = (chars: number, isKept = true) => ({ window: windowOf(chars), isKept });
const host = { now: () => Date.now(), sleep: () => sleep(1) };

test("[RPL1] at most eight windows are read at once, and each who asked gets the window of that name", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(40), { minLength: 1, maxLength: 200 }), async (names) => {
      const share = new ReplayShare(host);
      let reads = 0;
      let most = 0;
      const got = await Promise.all(
        names.map((name) =>
          share.window(String(name), async () => {
            most = Math.max(most, ++reads);
            await sleep(1);
            reads -= 1;
            return readingOf(name);
          }),
        ),
      );
      expect(got.map((window) => window?.lines.length)).toEqual(names);
      expect(most).toBeLessThanOrEqual(8);
    }),
    { numRuns: 10 },
  );
});

test("[RPL1] what was read lately is not read again, and no more than 8 MiB of it is kept", async () => {
  const share = new ReplayShare(host);
  const reads: number[] = [];
  const ask = (name: number): Promise<LogWindow | null> =>
    share.window(String(name), async () => {
      reads.push(name);
      return readingOf(MIB);
    });
  for (const name of [1, 2, 3, 4, 5, 6, 7, 8]) await ask(name);
  for (const name of [1, 8]) await ask(name);
  expect(reads).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await ask(9);
  await ask(2);
  expect(reads).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await ask(1);
  expect(reads).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 1]);
});

test("what is damaged is read each time: it may be mended meanwhile", async () => {
  const share = new ReplayShare(host);
  const ask = (chars: number, isKept: boolean) => share.window("a", async () => readingOf(chars, isKept));
  expect(await ask(1, false)).toEqual(windowOf(1));
  expect(await ask(2, true)).toEqual(windowOf(2));
  expect(await ask(3, true)).toEqual(windowOf(2));
});

test("[RPL1] a read that failed, or was broken off without a word, keeps nobody from reading", async () => {
  let now = 0;
  const share = new ReplayShare({
    now: () => now,
    sleep: async () => {
      now += 1_000;
      await sleep(0);
    },
  });
  for (let failed = 0; failed < 20; failed += 1)
    await expect(share.window("a", () => Promise.reject(new Error("R2 is away")))).rejects.toThrow("R2 is away");
  for (let gone = 0; gone < 8; gone += 1) void share.window("b", () => new Promise(() => {}));
  expect(await share.window("c", async () => readingOf(1))).toEqual(windowOf(1));
  expect(now).toBeGreaterThan(5_000);
});

test("[RPL1] with 32 MiB out to all of them a replay goes on within 128 KiB, until others have acknowledged or left", () => {
  const { allowance } = new ReplayShare(host);
  const states = Array.from({ length: 33 }, (_, at) => ({ watcherId: String(at), window: emptyWindow() }));
  const frame = 64 * 1024;
  const fill = (state: (typeof states)[number]): number => {
    while (fits(state.window, allowance.total(), frame)) {
      sent(state.window, 1, frame);
      allowance.changed(state);
    }
    return state.window.outstandingBytes;
  };
  expect(states.map(fill)).toEqual([...Array.from({ length: 32 }, () => MIB), 128 * 1024]);
  allowance.gone("0");
  const last = states.at(-1);
  expect(last && fill(last)).toBe(MIB);
});

test("a list of segments is made once for all replays of a log", () => {
  const share = new ReplayShare(host);
  const first = share.segments("a", () => []);
  expect(share.segments("a", () => [])).toBe(first);
  for (let other = 0; other < 16; other += 1) share.segments(String(other), () => []);
  expect(share.segments("a", () => [])).not.toBe(first);
});
