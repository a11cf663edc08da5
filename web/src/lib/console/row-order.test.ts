import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../../protocol/event.ts";
import type { Step } from "../run/steps.ts";
import { foldableSteps, placedSteps, stepAt } from "./folds.ts";
import { JoinedLines } from "./joined-lines.ts";
import { FoldedRows, ListedRows, rowsAround, type RowOrder } from "./row-order.ts";

/** A log in which `true` is a line that goes on with the next. */
const joinedOf = (parts: readonly boolean[]): JoinedLines => {
  const joined = new JoinedLines();
  for (const [at, partial] of parts.entries()) {
    const payload = { stream: "stdout", message: "x", partial };
    const event: RunEvent = { sequence: at + 1, type: "console.line", created_at: "", payload };
    joined.append(at + 1, event);
  }
  return joined;
};
const logs = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 });
const rowsOf = (order: RowOrder, head: number): number[] =>
  Array.from({ length: order.rowsUpTo(head) }, (_, row) => order.sequenceAt(row));
const check = <T>(arbitrary: fc.Arbitrary<T>, holds: (one: T) => void): void =>
  fc.assert(fc.property(arbitrary, holds), { numRuns: 150 });

describe("an order that folds", () => {
  const nested = fc.array(fc.tuple(fc.nat(59), fc.nat(20)), { maxLength: 5 });
  test("has all rows but those in a fold, each at its place, and shows what is folded in the fold's row", () =>
    check(fc.tuple(logs, nested), ([parts, folds]) => {
      const joined = joinedOf(parts);
      const head = parts.length;
      // Apart or nested, as steps are that can be folded.
      const ranges = folds
        .map(([at, length]) => ({ first: (at % head) + 1, last: Math.min(head, (at % head) + 1 + length) }))
        .filter((one, at, all) =>
          all
            .slice(0, at)
            .every((other) => one.last < other.first || one.first > other.last || one.first === other.first),
        );
      const order = new FoldedRows(joined, ranges);
      const hidden = (sequence: number): boolean => {
        const row = joined.rowOf(sequence);
        return ranges.some(({ first, last }) => row > joined.rowOf(first) && row < joined.rowsUpTo(last));
      };
      const all = rowsOf(joined, head);
      expect(rowsOf(order, head)).toEqual(all.filter((sequence) => !hidden(sequence)));
      for (let sequence = 1; sequence <= head; sequence += 1) {
        const seen = order.sequenceAt(order.rowOf(sequence));
        expect(seen).toBeLessThanOrEqual(sequence);
        if (!hidden(sequence)) expect(seen).toBe(joined.sequenceAt(joined.rowOf(sequence)));
      }
    }));
});

describe("an order of some rows", () => {
  test("has the found ones and those around them, once, in order, and leads to the nearest before any event", () =>
    check(fc.tuple(logs, fc.array(fc.nat(59)), fc.nat(3)), ([parts, found, context]) => {
      const joined = joinedOf(parts);
      const head = parts.length;
      const hits = [...new Set(found.map((at) => (at % head) + 1))].toSorted((a, b) => a - b);
      const listed = rowsAround(joined, head, hits, context);
      const all = rowsOf(joined, head);
      const near = (sequence: number): boolean =>
        hits.some((hit) => Math.abs(joined.rowOf(hit) - joined.rowOf(sequence)) <= context);
      expect(listed).toEqual(all.filter(near));
      const order = new ListedRows(joined, listed);
      expect(rowsOf(order, head)).toEqual(listed);
      for (const hit of hits) expect(order.sequenceAt(order.rowOf(hit))).toBe(joined.sequenceAt(joined.rowOf(hit)));
    }));
});

describe("steps in the log", () => {
  const step = (id: string, first: number | null, last: number | null): Step => ({
    id,
    name: id,
    status: "succeeded",
    startedAt: null,
    durationMs: null,
    depth: 0,
    parent: null,
    hasChildren: false,
    first,
    last,
  });
  const idsOf = (...steps: Step[]): string[] => [...foldableSteps(placedSteps(steps)).values()].map(({ id }) => id);

  test("nested ones and those behind each other can be folded", () =>
    expect(idsOf(step("c", 20, 30), step("a", 1, 10), step("b", 3, 7), step("d", 21, 30))).toEqual([
      "a",
      "b",
      "c",
      "d",
    ]));
  test("those that run beside each other cannot: each would hide lines of the other", () =>
    expect(idsOf(step("a", 1, 10), step("b", 5, 15), step("c", 6, 8), step("d", 16, 20))).toEqual(["c", "d"]));
  test("one that runs or says nothing cannot", () =>
    expect(idsOf(step("a", 1, null), step("b", 2, 4), step("c", 5, 5), step("d", null, null))).toEqual(["b"]));
  test("a place is in the innermost of them", () => {
    const steps = placedSteps([step("a", 1, 10), step("b", 3, 7), step("c", 12, null)]);
    expect([2, 5, 8, 11, 99].map((at) => stepAt(steps, at)?.id ?? null)).toEqual(["a", "b", "a", null, "c"]);
  });
});
