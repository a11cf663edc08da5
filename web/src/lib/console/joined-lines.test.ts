import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../../protocol/event.ts";
import { ERASE, JoinedLines, streamOf, type Stream } from "./joined-lines.ts";
import { BLOCK_LINES, blockOf } from "./log-lines.ts";

const event = (sequence: number, type: string, payload: Record<string, unknown>): RunEvent => ({
  sequence,
  type,
  created_at: "2026-11-21T02:30:00.123Z",
  payload,
});
const whole = (message = "x", stream: Stream = "stdout") => ({ type: "console.line", payload: { stream, message } });
const part = (message = "x", stream: Stream = "stdout") => ({
  type: "console.line",
  payload: { stream, message, partial: true },
});
const metric = { type: "metric.recorded", payload: { name: "m", value: 1 } };
type Said = { type: string; payload: Record<string, unknown> };
const logOf = (said: readonly Said[]): RunEvent[] => said.map(({ type, payload }, at) => event(at + 1, type, payload));
const joinedOf = (...said: Said[]): JoinedLines => {
  const joined = new JoinedLines();
  for (const one of logOf(said)) joined.append(one.sequence, one);
  return joined;
};
const rowsOf = (joined: JoinedLines, head: number): number[] =>
  Array.from({ length: joined.rowsUpTo(head) }, (_, row) => joined.sequenceAt(row));

describe("a line in parts", () => {
  test("[TYP7] is one row, where it began, until its last part", () => {
    const joined = joinedOf(whole(), part(), part(), whole(), whole());
    expect(rowsOf(joined, 5)).toEqual([1, 2, 5]);
    expect(joined.lineOf(3)).toMatchObject({ first: 2, last: 4, shownFrom: 2 });
    expect([1, 2, 3, 4, 5].map((sequence) => joined.rowOf(sequence))).toEqual([0, 1, 1, 1, 2]);
  });

  test("goes on after events that are not output, which are rows of their own", () =>
    expect(rowsOf(joinedOf(part(), metric, part(), metric, whole(), whole()), 6)).toEqual([1, 2, 4, 6]));

  test("goes on with its own stream only", () => {
    const joined = joinedOf(part(), whole("e", "stderr"), part("f", "stderr"), whole(), whole("g", "stderr"));
    expect(rowsOf(joined, 5)).toEqual([1, 2, 3]);
    expect([joined.lineOf(4)?.first, joined.lineOf(5)?.first]).toEqual([1, 3]);
  });

  test("shows what came since it was last begun anew", () => {
    const joined = joinedOf(part("10%"), part(`${ERASE}20%`), metric, part("."), whole());
    const line = joined.lineOf(1);
    expect(line).toMatchObject({ first: 1, last: 5, shownFrom: 2, characters: 5 });
    expect(line === null ? [] : [...joined.shownParts(line)]).toEqual([2, 4, 5]);
  });

  test("may never end", () => expect(rowsOf(joinedOf(part(), part()), 2)).toEqual([1]));
});

describe("a block that is read by itself", () => {
  const fillOf = (joined: JoinedLines, log: readonly RunEvent[], block: number): void =>
    joined.fill(
      block,
      log.filter(({ sequence }) => blockOf(sequence) === block),
    );
  const bar = logOf([
    ...Array.from({ length: BLOCK_LINES - 2 }, () => whole()),
    ...Array.from({ length: 3 * BLOCK_LINES }, (_, n) => part(`${ERASE}${n}`)),
    whole(`${ERASE}done`),
    ...Array.from({ length: BLOCK_LINES }, () => whole()),
  ]);

  test("does not know what its first line continues until the one before it is here", () => {
    const joined = new JoinedLines();
    fillOf(joined, bar, 1);
    expect(joined.unknownBefore(BLOCK_LINES + 1)).toBe(BLOCK_LINES);
    expect(joined.unknownBefore(BLOCK_LINES + 2)).toBeNull();
    expect(joined.lineOf(BLOCK_LINES + 7)?.first).toBe(BLOCK_LINES + 1);
    fillOf(joined, bar, 0);
    expect(joined.lineOf(BLOCK_LINES + 7)?.first).toBe(BLOCK_LINES - 1);
    expect(joined.rowsUpTo(2 * BLOCK_LINES)).toBe(BLOCK_LINES - 1);
  });

  test("a part that has lost its row to the line just above gives its place to it, else to what has come up", () => {
    const joined = new JoinedLines();
    fillOf(joined, bar, 1);
    fillOf(joined, bar, 0);
    expect(joined.rowInPlaceOf(BLOCK_LINES + 1)).toBe(joined.rowOf(BLOCK_LINES - 1));
    const apart = joinedOf(part(), metric, part(), metric);
    expect(apart.rowInPlaceOf(3)).toBe(apart.rowOf(4));
  });

  test("a line goes on over blocks that say nothing", () => {
    const log = logOf([part(), ...Array.from({ length: 3 * BLOCK_LINES }, () => metric), whole(), whole()]);
    for (const order of [
      [1, 2, 3, 0],
      [3, 0, 2, 1],
      [0, 1, 2, 3],
    ]) {
      const joined = new JoinedLines();
      for (const block of order) fillOf(joined, log, block);
      expect(joined.lineOf(1)?.last).toBe(3 * BLOCK_LINES + 2);
      expect(joined.rowsUpTo(log.length)).toBe(log.length - 1);
    }
  });

  test("a stream that says nothing for long is not looked for further back", () => {
    const quiet = logOf([...Array.from({ length: 9 * BLOCK_LINES }, () => whole()), whole("e", "stderr")]);
    const joined = new JoinedLines();
    for (const block of [9, 8, 7]) fillOf(joined, quiet, block);
    expect(joined.unknownBefore(9 * BLOCK_LINES + 1)).toBe(7 * BLOCK_LINES);
    fillOf(joined, quiet, 6);
    expect(joined.unknownBefore(9 * BLOCK_LINES + 1)).toBeNull();
  });

  /** What the words above say, read from the beginning. */
  function expectedOf(log: readonly RunEvent[]): { rows: number[]; lines: Map<number, [number, number, number]> } {
    const rows: number[] = [];
    const open: Partial<Record<Stream, number>> = {};
    const lines = new Map<number, [number, number, number]>();
    for (const { sequence, type, payload } of log) {
      if (type !== "console.line") {
        rows.push(sequence);
        continue;
      }
      const stream = payload["stream"] === "stderr" ? "stderr" : "stdout";
      const first = open[stream];
      const erases = String(payload["message"]).startsWith(ERASE);
      if (first === undefined) rows.push(sequence);
      const [, , from] = lines.get(first ?? 0) ?? [0, 0, sequence];
      if (first !== undefined || payload["partial"] === true)
        lines.set(first ?? sequence, [first ?? sequence, sequence, erases ? sequence : from]);
      if (payload["partial"] === true) open[stream] = first ?? sequence;
      else delete open[stream];
    }
    return { rows, lines };
  }

  const anyEvent: fc.Arbitrary<Said> = fc.oneof(
    { weight: 3, arbitrary: fc.constant(part()) },
    { weight: 1, arbitrary: fc.constant(part(`${ERASE}y`)) },
    { weight: 1, arbitrary: fc.constant(part("e", "stderr")) },
    { weight: 1, arbitrary: fc.constant(whole("e", "stderr")) },
    { weight: 2, arbitrary: fc.constant(whole()) },
    { weight: 2, arbitrary: fc.constant(metric) },
  );
  /** Long stretches of one kind: lines that go through whole blocks. */
  const anyLog = fc
    .array(fc.tuple(anyEvent, fc.constantFrom(1, 1, 2, 3, 200, 700)), { minLength: 1, maxLength: 25 })
    .map((stretches) => logOf(stretches.flatMap(([said, times]) => Array.from({ length: times }, () => said))));

  test("in whatever order blocks come, and wherever the watch begins, the rows are those of the whole log", () => {
    fc.assert(
      fc.property(anyLog, fc.infiniteStream(fc.nat()), fc.nat(), (log, chance, watched) => {
        const blocks = blockOf(log.length) + 1;
        const liveFrom = watched % (blocks + 1);
        const joined = new JoinedLines();
        const todo = Array.from({ length: liveFrom }, (_, block) => block);
        const live = log.filter(({ sequence }) => blockOf(sequence) >= liveFrom);
        while (todo.length > 0 || live.length > 0) {
          const pick = (chance.next().value ?? 0) % (todo.length + 1);
          const [block] = todo.splice(pick, 1);
          if (block !== undefined) fillOf(joined, log, block);
          else for (const one of live.splice(0, 137)) joined.append(one.sequence, one);
          // Looked at all the time, as by somebody who scrolls.
          joined.rowsUpTo(log.length);
        }
        const expected = expectedOf(log);
        expect(rowsOf(joined, log.length)).toEqual(expected.rows);
        for (const { sequence } of log) {
          const line = joined.lineOf(sequence);
          if (line === null) continue;
          expect([line.first, line.last, line.shownFrom]).toEqual(expected.lines.get(line.first));
          expect(joined.sequenceAt(joined.rowOf(sequence))).toBe(line.first);
        }
        for (const line of expected.lines.values()) expect(joined.lineOf(line[1])?.first).toBe(line[0]);
        const shown = [...expected.lines.keys()].flatMap((first) => {
          const line = joined.lineOf(first);
          return line === null ? [] : [line];
        });
        for (const line of shown) {
          const parts = log.filter(
            (one) =>
              one.type === "console.line" &&
              streamOf(one) === line.stream &&
              one.sequence >= line.shownFrom &&
              one.sequence <= line.last,
          );
          expect([...joined.shownParts(line)]).toEqual(parts.map(({ sequence }) => sequence));
          const characters = parts
            .map(({ payload }) => String(payload["message"]).replace(ERASE, "").length)
            .reduce((sum, length) => sum + length, 0);
          expect(line.characters).toBe(characters);
        }
      }),
      { numRuns: 60 },
    );
  });
});
