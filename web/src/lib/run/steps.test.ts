import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../../protocol/event.ts";
import { foldSummary, newSummary, summaryForEmbedding } from "../../../../protocol/summary.ts";
import { failurePlace } from "./failure-place.ts";
import { shownName } from "./shown-name.ts";
import { barOf, slowestOf, spanOf, ticksOf } from "./step-times.ts";
import { foldsAtFirst, unfolded, withFold } from "./step-folds.ts";
import { inTreeOrder } from "./step-tree.ts";
import { failedStep, pathTo, stepsOf, type Step } from "./steps.ts";

const BEGAN = 1_795_000_000_000;
const at = (second: number): string => new Date(BEGAN + second * 1000).toISOString();
let sequence = 0;
const started = (second: number, id: string, parent?: string): RunEvent => ({
  sequence: (sequence += 1),
  type: "step.started",
  created_at: at(second),
  step: id,
  payload: { name: id, parent },
});
const ended = (second: number, id: string, status = "succeeded"): RunEvent => ({
  sequence: (sequence += 1),
  type: "step.completed",
  created_at: at(second),
  step: id,
  payload: { status },
});
const stepsIn = (events: RunEvent[], listed = events): Step[] =>
  stepsOf(listed.reduce(foldSummary, newSummary()).steps, events);

/** Two jobs at once, each with steps inside; the second fails. */
function build(): RunEvent[] {
  sequence = 0;
  return [
    started(0, "build"),
    started(0, "lint", "build"),
    started(1, "test"),
    ended(2, "lint"),
    started(2, "compile", "build"),
    started(2, "unit", "test"),
    ended(10, "compile"),
    ended(11, "build"),
    ended(12, "unit", "failed"),
    ended(13, "test", "failed"),
  ];
}

describe("steps", () => {
  test("each stands below the one it lies in, with its place", () =>
    expect(
      stepsIn(build()).map(({ id, depth, first, last, durationMs }) => [id, depth, first, last, durationMs]),
    ).toEqual([
      ["build", 0, 1, 8, 11_000],
      ["lint", 1, 2, 4, 2_000],
      ["compile", 1, 5, 7, 8_000],
      ["test", 0, 3, 10, 12_000],
      ["unit", 1, 6, 9, 10_000],
    ]));
  test("without events they are still listed, and without a list they are still told of", () => {
    expect(stepsIn([], build()).map(({ id, first, depth }) => [id, first, depth])).toEqual(
      ["build", "lint", "test", "compile", "unit"].map((id) => [id, null, 0]),
    );
    expect(stepsIn(build(), [])).toEqual(stepsIn(build()));
  });
  test("a thousand of them are all there, although the summary of an ended run is cut", () => {
    sequence = 0;
    const events = Array.from({ length: 1000 }, (_, n) => {
      const id = `step ${n} of a build that names its steps at length ${"x".repeat(80)}`;
      return [started(n, id), ended(n + 1, id)];
    }).flat();
    const summary = summaryForEmbedding(events.reduce(foldSummary, newSummary()));
    expect(summary.steps.more).toBeGreaterThan(0);
    expect(stepsOf(summary.steps, events).map(({ status }) => status)).toEqual(
      Array.from({ length: 1000 }, () => "succeeded"),
    );
  });
  test("a name longer than the summary keeps is one step all the same", () => {
    sequence = 0;
    const long = "x".repeat(300);
    const events = [started(0, long), started(1, "inside", long), ended(2, long)];
    expect(stepsIn(events).map(({ depth, first, last }) => [depth, first, last])).toEqual([
      [0, 1, 3],
      [1, 2, null],
    ]);
  });
  test.each([
    ["\u001b[31mred\u001b[0m", "red"],
    ["<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
    ["two\nlines\u0000", "two lines␀"],
    ["\u200b\u202e\u0301", "(no name)"],
    ["", "(no name)"],
  ])("the name %j is shown as %j", (name, shown) => expect(shownName(name)).toBe(shown));
});

describe("the tree of steps", () => {
  // Parents are anything: one another, themselves, nobody.
  const items = fc
    .array(fc.option(fc.nat(14), { nil: null }), { maxLength: 14 })
    .map((parents) => parents.map((parent, id) => ({ id: `${id}`, parent: parent === null ? null : `${parent}` })));

  test("holds each item once, right below one it lies in, siblings in their order", () =>
    fc.assert(
      fc.property(items, (given) => {
        const placed = inTreeOrder(given);
        expect(placed.map(({ item }) => item).toSorted((a, b) => Number(a.id) - Number(b.id))).toEqual(given);
        const path: { id: string; lastChild: number }[] = [];
        for (const { item, depth, hasChildren } of placed) {
          expect(depth).toBeLessThanOrEqual(path.length);
          path.length = depth;
          const above = path.at(-1);
          if (above !== undefined) {
            expect(item.parent).toBe(above.id);
            expect(Number(item.id)).toBeGreaterThan(above.lastChild);
            above.lastChild = Number(item.id);
          }
          const next = placed[placed.findIndex((one) => one.item === item) + 1];
          expect(hasChildren).toBe(next !== undefined && next.depth > depth);
          path.push({ id: item.id, lastChild: -1 });
        }
        // Only what has no parent, or one that leads back to it, stands on its own.
        for (const { item } of placed.filter(({ depth }) => depth === 0))
          expect(item.parent === null || given[Number(item.parent)] === undefined || leadsBack(given, item.id)).toBe(
            true,
          );
      }),
      { numRuns: 200 },
    ));
  const leadsBack = (given: { id: string; parent: string | null }[], id: string): boolean => {
    let next = given.find((one) => one.id === id)?.parent;
    for (let hops = 0; next != null && hops <= given.length; hops += 1) {
      if (next === id) return true;
      next = given.find((one) => one.id === next)?.parent;
    }
    return false;
  };

  test("a fold hides what lies in it, and nothing else", () => {
    const steps = stepsIn(build());
    const idsWithout = (...folded: string[]) => unfolded(steps, new Set(folded)).map(({ id }) => id);
    expect(idsWithout("build")).toEqual(["build", "test", "unit"]);
    expect(idsWithout("build", "lint", "test")).toEqual(["build", "test"]);
    expect(idsWithout("lint")).toHaveLength(5);
  });
  test("of many steps only those open that hold what failed, what runs or the slowest", () => {
    const steps = stepsIn(build());
    expect(foldsAtFirst(steps, 5, undefined)).toEqual(new Set());
    expect(foldsAtFirst(steps, 4, undefined)).toEqual(new Set(["build"]));
    expect(foldsAtFirst(steps, 4, "compile")).toEqual(new Set());
    expect(withFold(withFold(new Set(["a"]), "b", true), "a", false)).toEqual(new Set(["b"]));
  });
  test("a chain of thousands of parents is no recursion", () =>
    expect(
      inTreeOrder(Array.from({ length: 3000 }, (_, n) => ({ id: `${n}`, parent: `${n - 1}` }))).at(-1)?.depth,
    ).toBe(2999));
});

describe("times", () => {
  test("bars lie within the whole, which is as long as the longest reaches", () => {
    const steps = stepsIn(build());
    const span = spanOf(steps, 0);
    expect(span).toEqual({ from: BEGAN, to: BEGAN + 13_000 });
    expect(steps.map((step) => barOf(step, span, 0)).map((bar) => bar && [bar.left, bar.left + bar.width])).toEqual([
      [0, (100 * 11) / 13],
      [0, (100 * 2) / 13],
      [(100 * 2) / 13, (100 * 10) / 13],
      [(100 * 1) / 13, 100],
      [(100 * 2) / 13, expect.closeTo((100 * 12) / 13)],
    ]);
  });
  test("one that runs reaches until now", () => {
    const steps = stepsIn(build().slice(0, 3));
    expect(spanOf(steps, BEGAN + 60_000).to).toBe(BEGAN + 60_000);
    expect(spanOf([], 5)).toEqual({ from: 5, to: 5 });
  });
  test("the slowest is the one that itself took longest, not the one that others lie in", () => {
    expect(slowestOf(stepsIn(build()), 0)).toEqual({ id: "unit", ownMs: 10_000 });
    const mostlyAlone = [started(0, "outer"), started(1, "inner", "outer"), ended(2, "inner"), ended(9, "outer")];
    expect(slowestOf(stepsIn(mostlyAlone), 0)).toEqual({ id: "outer", ownMs: 8_000 });
  });
  test("there is no slowest of one, nor of those that took no time", () => {
    expect(slowestOf(stepsIn([started(0, "a"), ended(5, "a")]), 0)).toBe(null);
    expect(slowestOf(stepsIn([started(0, "a"), ended(0, "a"), started(0, "b"), ended(0, "b")]), 0)).toBe(null);
  });
  test("own times add up to the time in which anything ran, where nothing ran at once", () =>
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 20 }), (opens) => {
        sequence = 0;
        const stack: string[] = [];
        const events: RunEvent[] = [];
        let second = 0;
        for (const open of opens) {
          second += 1;
          const top = stack.at(-1);
          if (open) {
            events.push(started(second, `${second}`, top));
            stack.push(`${second}`);
          } else if (top !== undefined) {
            stack.pop();
            events.push(ended(second, top));
          }
        }
        const steps = stepsIn(events);
        const now = BEGAN + (second + 1) * 1000;
        const longest = slowestOf(steps, now);
        const roots = steps.filter(({ depth }) => depth === 0);
        const ranMs = roots.reduce((sum, root) => sum + (root.durationMs ?? now - (root.startedAt ?? now)), 0);
        expect(longest?.ownMs ?? 0).toBeLessThanOrEqual(ranMs);
        // Of n steps that share the time, one has at least its n-th part.
        if (steps.length > 1) expect(longest?.ownMs ?? 0).toBeGreaterThanOrEqual(ranMs / steps.length);
      }),
      { numRuns: 100 },
    ));
  test.each([
    [0, [0]],
    [7, [0, 2, 4, 6]],
    [42_000, [0, 10_000, 20_000, 30_000, 40_000]],
    [3_600_000, [0, 900_000, 1_800_000, 2_700_000, 3_600_000]],
  ])("an axis of %i ms is marked at %j", (spanMs, ticks) => expect(ticksOf(spanMs, 5)).toEqual(ticks));
  test("no axis has more marks than it has room for", () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (spanMs) => {
        expect(ticksOf(spanMs, 6).length).toBeLessThanOrEqual(7);
      }),
    ));
});

describe("a run failed in", () => {
  test("the innermost step that failed, whoever else failed with it", () => {
    const steps = stepsIn(build());
    expect(failedStep(steps)?.id).toBe("unit");
    expect(pathTo(steps[4]!, steps).map(({ id }) => id)).toEqual(["test", "unit"]);
  });
  test("the one that failed last, not one that was let fail before", () => {
    sequence = 0;
    const events = [
      started(0, "flaky"),
      ended(1, "flaky", "failed"),
      started(2, "deploy"),
      ended(3, "deploy", "failed"),
    ];
    expect(failedStep(stepsIn(events))?.id).toBe("deploy");
  });
  test("what it said is looked for in that step; without one up to the error it reported; else up to its end", () => {
    const events = build();
    const steps = stepsIn(events);
    const error: RunEvent = { ...ended(14, "x"), type: "run.error", payload: { code: "E", message: "m" } };
    expect(failurePlace(steps, [...events, error], 900)).toMatchObject({
      step: { id: "unit" },
      within: { first: 6, last: 9 },
    });
    expect(failurePlace([], [error], 900)).toEqual({ step: null, within: { first: 1, last: 11 } });
    expect(failurePlace([], [], 900)).toEqual({ step: null, within: { first: 1, last: 900 } });
  });
  test("the innermost that was running, where none has failed; else in none", () => {
    const events = build();
    expect(failedStep(stepsIn(events.slice(0, 6)))?.id).toBe("unit");
    expect(failedStep(stepsIn(events.slice(0, 0)))).toBe(null);
  });
});
