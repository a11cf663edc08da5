import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeState, FIRST_STATE, readState, SLOT_BYTES, slotAt } from "./spool-state.ts";
import type { SpoolState } from "./spool-state.ts";
import { batchBytes, countLines, lastLine, wholeLinesBytes } from "./whole-lines.ts";

const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const anyState: fc.Arbitrary<SpoolState> = fc.record({
  epoch: position,
  batch: position,
  from: position,
  to: position,
  answered: fc.boolean(),
  runId: fc.option(fc.uuid({ version: 7 }), { nil: null }),
});

test("[SPL3] however a state was cut while it was written, it is found or the one before it", () => {
  fc.assert(
    fc.property(fc.array(anyState, { minLength: 1, maxLength: 6 }), fc.nat({ max: SLOT_BYTES }), (states, cut) => {
      let file = encodeState(FIRST_STATE, 0) + encodeState(FIRST_STATE, 1);
      for (const [at, state] of states.entries()) {
        const turn = at + 2;
        const isLast = at === states.length - 1;
        const written = encodeState(state, turn).slice(0, isLast ? cut : SLOT_BYTES);
        file = file.slice(0, slotAt(turn)) + written + file.slice(slotAt(turn) + written.length);
      }
      const newest = states.at(-1) ?? FIRST_STATE;
      const before = states.at(-2) ?? FIRST_STATE;
      const found = readState(file)?.state;
      expect([newest, before]).toContainEqual(found);
      // Padding that is missing is there already, from the state before.
      if (cut === SLOT_BYTES) expect(found).toEqual(newest);
      expect(file).toHaveLength(2 * SLOT_BYTES);
    }),
  );
});

test("a state file of anything else is no state", () => {
  expect(readState("")).toBeNull();
  expect(readState("x".repeat(2 * SLOT_BYTES))).toBeNull();
  expect(readState(encodeState(FIRST_STATE, 3).slice(0, 100))).toBeNull();
});

test("[SPL2] what was cut behind the last newline is no line", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(wholeLinesBytes(bytes("a\nbc\nd"))).toBe(5);
  expect(wholeLinesBytes(bytes("abc"))).toBe(0);
  expect(lastLine(bytes("a\nbc\nd"))).toBe("bc");
  expect(lastLine(bytes("a\n"))).toBe("a");
  expect(lastLine(bytes("\n"))).toBe("");
  expect(lastLine(bytes("a"))).toBeNull();
  expect(countLines(bytes("a\n\nb"))).toBe(2);
  expect(batchBytes(bytes("aa\nbb\ncc\n"), 7)).toBe(6);
  expect(batchBytes(bytes("aa\nbb\ncc\n"), 6)).toBe(6);
  expect(batchBytes(bytes("long one\nb\n"), 3)).toBe(9);
  expect(batchBytes(bytes("no end"), 3)).toBe(0);
});
