import fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import { splitLines } from "../../protocol/ndjson.ts";
import { encodeEvent } from "../producer-event.ts";
import { OutputLines } from "./output-lines.ts";
import type { OutputLine } from "./output-lines.ts";
import { consoleEvent } from "./recorder.ts";

const read = (pieces: Uint8Array[]): OutputLine[] => {
  const lines = new OutputLines();
  return [...pieces.flatMap((piece) => lines.push(piece)), ...lines.end()];
};
const bytes = (text: string) => Buffer.from(text);
const messages = (text: string) => read([bytes(text)]).map(({ message }) => message);

test("one line per newline; a last one without counts; empty ones count; one \\r goes", () => {
  expect(messages("one\n\ntwo\r\nthree\r\r\nlast")).toEqual(["one", "", "two", "three\r", "last"]);
  expect(messages("progress 1\rprogress 2\r\n")).toEqual(["progress 1\rprogress 2"]);
  expect(messages("")).toEqual([]);
});

test("invalid UTF-8 is replaced; a character cut between two reads is not", () => {
  expect(read([Buffer.from([0x61, 0xff, 0x62, 0x0a])])).toEqual([{ message: "a\uFFFDb", partial: false }]);
  const euro = bytes("€\n");
  expect(read([euro.subarray(0, 1), euro.subarray(1)])).toEqual([{ message: "€", partial: false }]);
  expect(read([euro.subarray(0, 2)])).toEqual([{ message: "\uFFFD", partial: false }]);
});

test("however it is read, the lines are the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "é", "😀", "\n", "\r", "\0") }), fc.nat(9), (text, size) => {
      const whole = bytes(text);
      const pieces = [];
      for (let start = 0; start < whole.length; start += size + 1) pieces.push(whole.subarray(start, start + size + 1));
      const expected = splitLines(text).map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
      expect(read(pieces).map(({ message }) => message)).toEqual(expected);
    }),
  );
});

test.each([
  ["fits, just", "x".repeat(LIMITS.eventLineBytes - 2_000), 1],
  ["letters", "x".repeat(1_000_000), 24],
  ["what JSON escapes six-fold", "\u0001".repeat(300_000), 7],
  ["pairs", "😀".repeat(200_000), 10],
])("a very long line comes in pieces that each fit: %s", (_name, text, atMost) => {
  for (const size of [text.length * 4, 65_536]) {
    const whole = bytes(`${text}\r\n`);
    const pieces = [];
    for (let start = 0; start < whole.length; start += size) pieces.push(whole.subarray(start, start + size));
    const lines = read(pieces);
    expect(lines.map(({ message }) => message).join("")).toBe(text);
    expect(lines.map(({ partial }) => partial)).toEqual([...lines.slice(1).map(() => true), false]);
    expect(lines.length).toBeLessThanOrEqual(atMost);
    for (const line of lines) expect(() => encodeEvent(consoleEvent("stdout", line), "cli")).not.toThrow();
  }
});
