import { describe, expect, test } from "vitest";
import { parseLine } from "../../../../protocol/ndjson.ts";
import { blockOf, LogLines } from "../console/log-lines.ts";
import { LogRows } from "../console/log-rows.ts";
import { LogPages, type ReadLines } from "./log-pages.ts";
import { LogText } from "./log-text.ts";

const HEAD = 1_500;
/** Every fourth line is said in two parts: also those at the end of a block. */
const lineOf = (sequence: number): string =>
  JSON.stringify({
    sequence,
    type: "console.line",
    created_at: "2026-11-21T02:30:00.123Z",
    payload: { stream: "stdout", message: `\u001b[32mtext ${sequence}\u001b[0m`, partial: sequence % 4 === 0 },
  });
const wanted = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at)
    .filter((sequence) => sequence % 4 !== 1)
    .map((sequence) => (sequence % 4 === 0 ? `text ${sequence}text ${sequence + 1}` : `text ${sequence}`));

function setUp(read: ReadLines): LogText {
  const log = new LogLines();
  log.watchFrom(HEAD, 0);
  const rows = new LogRows(log);
  const onFilled = (range: { first: number }, lines: readonly { line: string }[]): void =>
    rows.joined.fill(
      blockOf(range.first),
      lines.flatMap(({ line }) => parseLine(line) ?? []),
    );
  return new LogText(log, rows, new LogPages({ log, read, onFilled, onTrouble: () => {} }));
}

describe("text of lines that are not here", () => {
  test("is read a block at a time, each once, parts joined over the borders of blocks", async () => {
    const asked: number[] = [];
    const text = setUp(async ({ first, last }) => {
      asked.push(first);
      const count = Math.min(last, HEAD) - first + 1;
      return Array.from({ length: count }, (_, at) => ({ sequence: first + at, line: lineOf(first + at) }));
    });
    expect(text.here(2, 1_202)).toBeNull();
    const read = await text.read(2, 1_202);
    expect(read.kind === "ok" ? read.texts.findIndex((said, at) => said !== wanted(2, 1_202)[at]) : read).toBe(-1);
    expect(read).toMatchObject({ texts: { length: wanted(2, 1_202).length } });
    expect(asked).toEqual([1, 501, 1_001]);
    expect(text.here(2, 1_202)?.join("\n") === wanted(2, 1_202).join("\n")).toBe(true);
    expect(asked.length).toBe(3);
  });

  test("that cannot be had is not copied in part", async () => {
    const text = setUp(async ({ first }) => {
      if (first > 500) throw new Error("the server answered 503");
      return Array.from({ length: 500 }, (_, at) => ({ sequence: 1 + at, line: lineOf(1 + at) }));
    });
    expect(await text.read(400, 500)).toEqual({ kind: "failed", reason: "the server answered 503" });
  });
});
