import * as fc from "fast-check";
import { expect, test } from "vitest";
import { runs } from "../../test/simulation/settings.ts";
import type { LogWindow } from "../ports.ts";
import { damageMark } from "./damage.ts";
import { SkippedLines, skippedIn, type Skipped } from "./skipped-lines.ts";

const windowOf = (firstSequence: number, isDamaged: boolean[]): LogWindow => ({
  firstSequence,
  lastSequence: firstSequence + isDamaged.length - 1,
  lines: isDamaged
    .map((damaged, at) =>
      damaged ? damageMark(firstSequence + at, firstSequence + at) : `{"sequence":${firstSequence + at}}`,
    )
    .map((line) => `${line}\n`)
    .join(""),
});

/** A log cut into windows of this size. */
async function* windowsOf(isDamaged: boolean[], from: number, size: number): AsyncGenerator<LogWindow, void> {
  for (let at = from; at < isDamaged.length; at += size) yield windowOf(at + 1, isDamaged.slice(at, at + size));
}

async function readAll(windows: AsyncGenerator<LogWindow, void>, most = Number.POSITIVE_INFINITY): Promise<number> {
  let read = 0;
  for await (const window of windows) {
    read = window.lastSequence;
    if (read >= most) break;
  }
  return read;
}

test("a window without damage says nothing; one with it says how much, after a sequence", () => {
  expect(skippedIn(windowOf(7, [false, false]))).toBeNull();
  expect(skippedIn(windowOf(7, [false, true, false, true]))).toEqual({ first: 8, last: 10, lines: 2 });
  expect(skippedIn(windowOf(7, [false, true, false, true]), 8)).toEqual({ first: 10, last: 10, lines: 1 });
  expect(skippedIn(windowOf(7, [false, true]), 8)).toBeNull();
});

test("[READ4] however a log is read, again or broken off, each line that was met is told once, and all of a reading together", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { maxLength: 40 }),
      fc.array(fc.record({ from: fc.nat(40), size: fc.integer({ min: 1, max: 9 }), most: fc.nat(60) }), {
        maxLength: 3,
      }),
      async (isDamaged, again) => {
        const told: Skipped[] = [];
        const skipped = new SkippedLines((each) => told.push(each));
        const first = again[0]?.most ?? 100;
        const through = await readAll(skipped.noticed(windowsOf(isDamaged, 0, 7)), first);
        const damaged = isDamaged.flatMap((each, at) => (each && at < through ? [at + 1] : []));
        const all = { first: damaged[0], last: damaged.at(-1), lines: damaged.length };
        expect(told).toEqual(damaged.length === 0 ? [] : [all]);
        // Only what is after it is news.
        for (const { from, size, most } of again)
          await readAll(skipped.noticed(windowsOf(isDamaged, from, size)), most);
        expect(told.slice(1).every((each) => each.first > through)).toBe(true);
        const lines = told.reduce((sum, each) => sum + each.lines, 0);
        expect(lines).toBeLessThanOrEqual(isDamaged.filter(Boolean).length);
      },
    ),
    runs(300),
  );
});

test("[READ4] what was met before a reader waits for more is told then, and not again at the end", async () => {
  const told: Skipped[] = [];
  const skipped = new SkippedLines((each) => told.push(each));
  const windows = skipped.noticed(windowsOf([true, false, true, false], 0, 2));
  await windows.next();
  await windows.next();
  expect(told).toEqual([]);
  skipped.tell();
  expect(told).toEqual([{ first: 1, last: 3, lines: 2 }]);
  expect((await windows.next()).done).toBe(true);
  expect(told.length).toBe(1);
});

test("[READ4] a reading that fails tells what it had met", async () => {
  const told: Skipped[] = [];
  const failing = (async function* () {
    yield windowOf(1, [true]);
    throw new Error("R2 is away");
  })();
  await expect(readAll(new SkippedLines((each) => told.push(each)).noticed(failing))).rejects.toThrow("R2 is away");
  expect(told).toEqual([{ first: 1, last: 1, lines: 1 }]);
});
