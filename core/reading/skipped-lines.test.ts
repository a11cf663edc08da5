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

/** Through this line, or to the end of the window that holds it. */
type Until = { sequence: number; within: boolean };
async function readAll(
  skipped: SkippedLines,
  windows: AsyncGenerator<LogWindow, void>,
  until: Until = { sequence: Number.POSITIVE_INFINITY, within: false },
): Promise<number> {
  let read = 0;
  for await (const window of skipped.noticed(windows)) {
    read = window.lastSequence;
    if (read < until.sequence) continue;
    if (!until.within) break;
    skipped.endAt(until.sequence);
    return until.sequence;
  }
  return read;
}

test("a window without damage says nothing; one with it says how much, after a sequence", () => {
  expect(skippedIn(windowOf(7, [false, false]))).toBeNull();
  expect(skippedIn(windowOf(7, [false, true, false, true]))).toEqual({ first: 8, last: 10, lines: 2 });
  expect(skippedIn(windowOf(7, [false, true, false, true]), 8)).toEqual({ first: 10, last: 10, lines: 1 });
  expect(skippedIn(windowOf(7, [false, true, false, true]), 0, 9)).toEqual({ first: 8, last: 8, lines: 1 });
  expect(skippedIn(windowOf(7, [false, true]), 8)).toBeNull();
});

test("[READ4] however a log is read, again or broken off, each line that was met is told once, and all of a reading together", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { maxLength: 40 }),
      fc.array(
        fc.record({
          from: fc.nat(40),
          size: fc.integer({ min: 1, max: 9 }),
          until: fc.record({ sequence: fc.integer({ min: 1, max: 60 }), within: fc.boolean() }),
        }),
        { maxLength: 3 },
      ),
      async (isDamaged, again) => {
        const told: Skipped[] = [];
        const skipped = new SkippedLines((each) => told.push(each));
        const through = await readAll(skipped, windowsOf(isDamaged, 0, 7), again[0]?.until);
        const damaged = isDamaged.flatMap((each, at) => (each && at < through ? [at + 1] : []));
        const all = { first: damaged[0], last: damaged.at(-1), lines: damaged.length };
        expect(told).toEqual(damaged.length === 0 ? [] : [all]);
        // Only what is after it is news.
        for (const { from, size, until } of again) await readAll(skipped, windowsOf(isDamaged, from, size), until);
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
  const waiting = (async function* () {
    yield* windowsOf([true, false, true, false], 0, 2);
    expect(told).toEqual([]);
    skipped.tell();
    expect(told).toEqual([{ first: 1, last: 3, lines: 2 }]);
  })();
  expect(await readAll(skipped, waiting)).toBe(4);
  expect(told.length).toBe(1);
});

test("[READ4] a reading that fails tells what it had met", async () => {
  const told: Skipped[] = [];
  const failing = (async function* () {
    yield windowOf(1, [true]);
    throw new Error("R2 is away");
  })();
  await expect(readAll(new SkippedLines((each) => told.push(each)), failing)).rejects.toThrow("R2 is away");
  expect(told).toEqual([{ first: 1, last: 1, lines: 1 }]);
});
