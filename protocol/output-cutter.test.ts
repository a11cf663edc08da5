import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseAppend } from "./append.ts";
import { LIMITS } from "./limits.ts";
import { assembleLine, parseLine, utf8Length, type EventDraft } from "./ndjson.ts";
import { OutputCutter } from "./output-cutter.ts";

/** Messages as a reader joins them. */
function messagesOf(drafts: EventDraft[]): string[] {
  const messages: string[] = [];
  let isJoining = false;
  for (const draft of drafts) {
    const line = assembleLine(draft, Number.MAX_SAFE_INTEGER, "2026-11-21T02:30:00.123Z");
    expect(utf8Length(line)).toBeLessThanOrEqual(LIMITS.eventLineBytes);
    const { message, partial } = parseLine(line)?.payload ?? {};
    if (isJoining) messages.push(`${messages.pop()}${String(message)}`);
    else messages.push(String(message));
    isJoining = partial === true;
  }
  expect(isJoining).toBe(false);
  return messages;
}

function cut(pieces: Uint8Array[], bytes: number): EventDraft[] {
  const cutter = new OutputCutter();
  const drafts: EventDraft[] = [];
  const takeAll = () => {
    while (cutter.hasEvents) {
      const taken = cutter.take(bytes);
      expect(taken).not.toEqual([]);
      drafts.push(...taken);
    }
  };
  for (const piece of pieces) {
    cutter.add(piece);
    takeAll();
  }
  cutter.end();
  takeAll();
  return drafts;
}

const whole = (body: Uint8Array): EventDraft[] => {
  const parsed = parseAppend(body, "text", { raw: true });
  if (parsed.kind === "refused") throw new Error(parsed.refusal.detail);
  return parsed.drafts;
};

const output = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("\n", "\r\n", "\r", "a", "é😀", "\u001b[31m", "\u0000", " ") },
      { weight: 1, arbitrary: fc.constantFrom("x".repeat(300_000), "😀\r".repeat(130_000)) },
    ),
    { maxLength: 40 },
  )
  .chain((parts) => {
    const bytes = new TextEncoder().encode(parts.join(""));
    return fc.record({
      bytes: fc.constant(bytes),
      cuts: fc.array(fc.nat(bytes.length), { maxLength: 12 }),
      damage: fc.option(fc.nat()),
    });
  });

test("[APP18] output that comes in any pieces is the lines that it is as a whole", () => {
  fc.assert(
    fc.property(output, fc.constantFrom(1, 1_000, 1_000_000), ({ bytes, cuts, damage }, batchBytes) => {
      if (damage !== null && bytes.length > 0) bytes[damage % bytes.length] = 0xff;
      const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const pieces = edges.slice(1).map((to, at) => bytes.subarray(edges[at], to));
      expect(messagesOf(cut(pieces, batchBytes))).toEqual(messagesOf(whole(bytes)));
    }),
    { numRuns: 60 },
  );
});

test("[APP18] lines of ordinary length are the very events that a whole body gives", () => {
  const bytes = new TextEncoder().encode("one\r\n\ntwo ❄\n\u0000\nlast");
  expect(
    cut(
      [...bytes].map((byte) => Uint8Array.of(byte)),
      1,
    ),
  ).toEqual(whole(bytes));
});

test("a line that does not end is given in pieces, and little of it waits", () => {
  const cutter = new OutputCutter();
  let most = 0;
  let given = 0;
  for (let piece = 0; piece < 100; piece += 1) {
    cutter.add(new TextEncoder().encode("x".repeat(64 * 1024)));
    most = Math.max(most, cutter.waitingChars);
    while (cutter.hasEvents) given += cutter.take(1_000_000).length;
  }
  expect(most).toBeLessThan(512 * 1024);
  expect(given).toBeGreaterThan(20);
});
