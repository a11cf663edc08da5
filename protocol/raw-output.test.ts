import fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "./limits.ts";
import { assembleLine, headBytes, parseLine, type EventDraft } from "./ndjson.ts";
import { pushRawLine } from "./raw-output.ts";

const AT = "2026-11-21T02:30:00.123Z";

function split(message: string, lineBytesMax?: number) {
  const drafts: EventDraft[] = [];
  pushRawLine(drafts, message, lineBytesMax === undefined ? {} : { lineBytesMax });
  const lines = drafts.map((draft) => assembleLine(draft, Number.MAX_SAFE_INTEGER, AT));
  return { lines, payloads: lines.map((line) => parseLine(line)?.payload) };
}
const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

test("[APP8] output that fits is one whole line", () => {
  expect(split("x".repeat(250_000)).payloads).toEqual([{ stream: "stdout", message: "x".repeat(250_000) }]);
});

test("[APP8] a line of exactly 256 KiB is not split, one byte more is", () => {
  const room = LIMITS.eventLineBytes - bytesOf(split("").lines[0] ?? "");
  expect(split("x".repeat(room)).lines.map(bytesOf)).toEqual([LIMITS.eventLineBytes]);
  expect(split("x".repeat(room + 1)).payloads).toMatchObject([{ partial: true }, { message: expect.any(String) }]);
});

test("[APP8] whatever the characters, pieces fit, join to the whole, and none ends within a character", () => {
  const unit = fc.constantFrom("x", '"', "\\", "\t", "\u0000", "\u007f", "é", "€", "\uFFFD", "😀", "👩‍💻", "\u2028");
  const room = headBytes("console.line") + 80;
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 300 }), fc.nat(40), (units, more) => {
      const message = units.join("");
      const { lines, payloads } = split(message, room + more);
      expect(payloads.map((payload) => payload?.["message"]).join("")).toBe(message);
      expect(payloads.map((payload) => payload?.["partial"] ?? false)).toEqual([
        ...payloads.slice(1).map(() => true),
        false,
      ]);
      for (const [index, line] of lines.entries()) {
        expect(bytesOf(line)).toBeLessThanOrEqual(room + more);
        // Full but for less than one character: a log is not cut into more lines than it must be.
        if (index < lines.length - 1) expect(bytesOf(line)).toBeGreaterThan(room + more - 18);
        expect(String(payloads[index]?.["message"]).isWellFormed()).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test("[APP8] lone surrogates, which no decoder gives, would still fit", () => {
  const { lines, payloads } = split("\ud800".repeat(100), headBytes("console.line") + 80);
  expect(payloads.map((payload) => payload?.["message"]).join("")).toBe("\ud800".repeat(100));
  expect(Math.max(...lines.map(bytesOf))).toBeLessThanOrEqual(headBytes("console.line") + 80);
});
