import * as fc from "fast-check";
import { expect, test } from "vitest";
import { splitLines } from "../../protocol/ndjson.ts";
import { runs } from "../../test/simulation/settings.ts";
import type { LogWindow } from "../ports.ts";
import { isDamageMark, mendWindow } from "./damage.ts";
import { clip, readLog, windowLines, type LogPlaces } from "./read-log.ts";
import { WindowCutter } from "./window-cutter.ts";

const eventLine = (sequence: number): string =>
  `{"sequence":${sequence},"type":"console.line","created_at":"2026-11-21T02:30:00.123Z","payload":{"stream":"stdout","message":"line ${sequence} é"}}`;
const linesOf = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, at) => eventLine(first + at));
const windowOf = (first: number, last: number, lines: string[]): LogWindow => ({
  firstSequence: first,
  lastSequence: last,
  lines: lines.map((line) => `${line}\n`).join(""),
});

/** Which sequences are told as damaged; every other line must be the one that was written. */
function damagedIn(window: LogWindow): number[] {
  const damaged: number[] = [];
  let next = window.firstSequence;
  for (const { sequence, line } of windowLines(window)) {
    expect(sequence).toBe(next);
    next += 1;
    if (isDamageMark(line)) {
      expect(JSON.parse(line)).toEqual({ op: "damaged", first: sequence, last: sequence });
      damaged.push(sequence);
    } else expect(line).toBe(eventLine(sequence));
  }
  expect(next).toBe(window.lastSequence + 1);
  return damaged;
}

test("[READ3] a sound window is left as it is", () => {
  const window = windowOf(7, 30, linesOf(7, 30));
  expect(mendWindow(window)).toBe(window);
});

test("[READ3] lines that are cut, garbled, joined, parted, lost, or numbered wrong are told, and no other", () => {
  const damages: [what: string, damage: (lines: string[]) => string[], damaged: number[]][] = [
    ["half a line", (lines) => lines.with(3, (lines[3] ?? "").slice(0, 40)), [13]],
    ["nothing", (lines) => lines.with(3, ""), [13]],
    ["no event", (lines) => lines.with(3, '{"sequence":13}'), [13]],
    ["a control line", (lines) => lines.with(3, '{"op":"end"}'), [13]],
    ["another number", (lines) => lines.with(3, eventLine(913)), [13]],
    ["the number of a later one", (lines) => lines.with(3, eventLine(16)), [13]],
    ["a newline lost", (lines) => lines.toSpliced(3, 2, `${lines[3]}\0${lines[4]}`), [13, 14]],
    ["a newline too many", (lines) => lines.toSpliced(3, 1, (lines[3] ?? "").slice(0, 40), "x"), [13]],
    ["two lines lost", (lines) => lines.toSpliced(3, 2), [13, 14]],
    ["the first", (lines) => lines.with(0, "x"), [10]],
    ["the last and its newline", (lines) => lines.slice(0, -1), [20]],
    ["all", () => [], [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]],
  ];
  for (const [what, damage, damaged] of damages) {
    const mended = mendWindow(windowOf(10, 20, damage(linesOf(10, 20))));
    expect([what, damagedIn(mended)]).toEqual([what, damaged]);
  }
  const cut = windowOf(10, 20, linesOf(10, 20));
  expect(damagedIn(mendWindow({ ...cut, lines: cut.lines.slice(0, -1) }))).toEqual([]);
});

test("[READ3] whichever byte of a log is overwritten, at most its two lines are lost to a reader, wherever one starts and however little is read at once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        at: fc.nat(),
        // Every other one is a newline, lost or too many.
        isNewline: fc.boolean(),
        byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constant(0x0a)),
        afterSequence: fc.nat(60),
        windowChars: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 4_000 })),
        pieceChars: fc.integer({ min: 1, max: 2_000 }),
      }),
      async ({ at, isNewline, byte, afterSequence, windowChars, pieceChars }) => {
        const bytes = new TextEncoder().encode(windowOf(1, 60, linesOf(1, 60)).lines);
        const newlines = [...bytes.keys()].filter((place) => bytes[place] === 0x0a);
        bytes[isNewline ? (newlines[at % newlines.length] ?? 0) : at % bytes.length] = byte;
        const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
        let next = afterSequence + 1;
        let lost = 0;
        let changed = 0;
        for await (const window of readLog(wholeLogPlaces(text, { windowChars, pieceChars }), reading(afterSequence))) {
          expect(window.firstSequence).toBe(next);
          for (const { sequence, line } of windowLines(window)) {
            expect(sequence).toBe(next);
            next += 1;
            if (isDamageMark(line)) lost += 1;
            // A byte of a message can change without the line being broken: only its hash tells that.
            else if (line !== eventLine(sequence)) changed += 1;
          }
          expect(window.lastSequence).toBe(next - 1);
        }
        expect(next).toBe(Math.max(afterSequence, 60) + 1);
        expect(lost).toBeLessThanOrEqual(2);
        expect(changed).toBeLessThanOrEqual(1);
      },
    ),
    runs(1_000),
  );
});

test("[READ3] a log that is nothing but damage is read a window at a time all the same", () => {
  const cutter = new WindowCutter(1, 256 * 1024);
  const garbage = `${"what is this ".repeat(100)}\n`.repeat(50);
  let read = 0;
  let cut = 0;
  for (let piece = 0; piece < 200; piece += 1) {
    read += garbage.length;
    cut += cutter.add(garbage)?.lines.length ?? 0;
    expect(read - cut).toBeLessThan(3 * 1024 * 1024);
  }
  cut += cutter.end()?.lines.length ?? 0;
  expect(cut).toBe(read);
});

test("[READ3] what a stored log lacks at its end is told, however much it is", async () => {
  const damaged: number[] = [];
  for await (const window of readLog(
    wholeLogPlaces(windowOf(1, 5, linesOf(1, 5)).lines, { windowChars: 100, pieceChars: 70 }, 3_000),
    reading(3),
  ))
    damaged.push(...damagedIn(window));
  expect(damaged).toEqual(Array.from({ length: 2_995 }, (_, at) => at + 6));
});

test("[READ1] as stored, a log is clipped at the same line, also behind a newline that was damaged", () => {
  const lines = linesOf(1, 20);
  const window = windowOf(1, 20, lines.toSpliced(3, 2, `${lines[3]}\0${lines[4]}`));
  expect(splitLines(clip(window, 10)?.lines ?? "")).toEqual(linesOf(11, 20));
  expect(splitLines(clip(windowOf(1, 20, lines), 10)?.lines ?? "")).toEqual(linesOf(11, 20));
});

const reading = (afterSequence: number) => ({ afterSequence, follow: false, isEnded: true, asStored: false });

type Pieces = { windowChars: number; pieceChars: number };

/** An archived log and nothing else, cut as it is when it comes from R2. */
function wholeLogPlaces(text: string, pieces: Pieces, head = 60): LogPlaces {
  return {
    tail: () => Promise.resolve({ kind: "unknown" }),
    readSegment: () => Promise.resolve(null),
    archivedHead: () => Promise.resolve(head),
    wholeLog: () => Promise.resolve(cutInto(text, pieces)),
    live: () => {
      throw new Error("nobody writes any more");
    },
  };
}

async function* cutInto(text: string, { windowChars, pieceChars }: Pieces): AsyncGenerator<LogWindow> {
  const cutter = new WindowCutter(1, windowChars);
  for (let from = 0; from < text.length; from += pieceChars) {
    const window = cutter.add(text.slice(from, from + pieceChars));
    if (window !== null) yield window;
  }
  const rest = cutter.end();
  if (rest !== null) yield rest;
}
