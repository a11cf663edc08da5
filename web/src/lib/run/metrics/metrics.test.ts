import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exponentOf, labelsOf, marksOf, rangeOf } from "./metric-axis.ts";
import { LIMITS } from "../../../../../protocol/limits.ts";
import type { MetricHistory } from "../../../../../protocol/metric-history.ts";
import { batchesOf, historyOf, recordedIn } from "./metric-history.ts";
import { axisFor, chartsOf, extentOf, join, MOST_LINES, nearest, neighbour, partOf } from "./metric-charts.ts";
import { MetricSeries, type Point } from "../../../../../protocol/metric-series.ts";

const pointsOf = (values: readonly number[], from = 1): Point[] =>
  values.map((value, at) => ({ sequence: from + at, at: 1000 * (from + at), value }));
const seriesOf = (points: readonly Point[], most?: number): MetricSeries => {
  const series = new MetricSeries(most);
  for (const point of points) series.append(point);
  return series;
};

describe("a metric in bounded memory", () => {
  const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 300 });

  test("keeps its lowest and its highest, as they were recorded and in their order", () =>
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 40 }), (recorded, most) => {
        const given = pointsOf(recorded);
        const { points } = seriesOf(given, most);
        expect(points.length).toBeLessThanOrEqual(2 * most);
        expect(points.map(({ sequence }) => sequence)).toEqual(
          [...new Set(points.map(({ sequence }) => sequence))].toSorted((a, b) => a - b),
        );
        for (const point of points) expect(given[point.sequence - 1]).toBe(point);
        expect(Math.min(...points.map(({ value }) => value))).toBe(Math.min(...recorded));
        expect(Math.max(...points.map(({ value }) => value))).toBe(Math.max(...recorded));
        if (recorded.length <= most) expect(points).toEqual(given);
      }),
      { numRuns: 100 },
    ));

  test("is as fine at its beginning as at its end, after 100,000 values", () => {
    const { points } = seriesOf(pointsOf(Array.from({ length: 100_000 }, (_, at) => Math.sin(at))), 100);
    const inTenth = (tenth: number): number =>
      points.filter(({ sequence }) => Math.floor((sequence - 1) / 10_000) === tenth).length;
    for (let tenth = 0; tenth < 10; tenth += 1) {
      expect(inTenth(tenth)).toBeGreaterThan(6);
      expect(inTenth(tenth)).toBeLessThanOrEqual(22);
    }
  });

  test("takes each value once, whether it was stored or comes live, or both", () => {
    const live = seriesOf(pointsOf([5, 6, 7], 5));
    live.append({ sequence: 6, at: 0, value: 99 });
    expect(live.after(pointsOf([1, 2, 3, 4, 5, 6])).points).toEqual(pointsOf([1, 2, 3, 4, 5, 6, 7]));
    expect(live.points).toHaveLength(3);
  });
});

describe("stored values", () => {
  const stored = (sequence: number) => ({
    sequence,
    created_at: new Date(sequence * 1000).toISOString(),
    value: -sequence,
  });
  const answer = (scannedTo: number, complete: boolean, ...sequences: number[]): MetricHistory => ({
    items: [
      { name: "loss", unit: null, count: 9, points: sequences.map(stored) },
      { name: "lr", unit: null, count: 0, points: [] },
    ],
    scanned_to: scannedTo,
    complete,
  });

  test("are asked for until the log has been read to its end", async () => {
    const asked: number[] = [];
    const answers = [answer(50, false, 3, 40), answer(90, false), answer(120, true, 100)];
    const read = historyOf(async (names, after) => {
      expect(names).toEqual(["loss", "lr"]);
      asked.push(after);
      return answers[asked.length - 1]!;
    });
    expect(await read(["loss", "lr"])).toEqual(
      new Map([
        ["loss", [3, 40, 100].map((sequence) => ({ sequence, at: sequence * 1000, value: -sequence }))],
        ["lr", []],
      ]),
    );
    expect(asked).toEqual([0, 50, 90]);
  });
  test("that the server does not get to are a failure, and no endless loop", async () =>
    expect(historyOf(async () => answer(0, false))(["loss"])).rejects.toThrow("reads no further"));
  test("are read for as many metrics at once as the server takes", () => {
    const names = Array.from({ length: LIMITS.metricNames + 1 }, (_, n) => (n === 3 ? "" : `m${n}`));
    expect(batchesOf(names).map(({ length }) => length)).toEqual([LIMITS.metricNames]);
    expect(batchesOf([...names, "last"]).flat()).toEqual([...names.filter((name) => name !== ""), "last"]);
  });
  test("of an event are its name as the summary has it, and a number that can be drawn", () => {
    const event = (payload: Record<string, unknown>) =>
      recordedIn({ sequence: 4, type: "metric.recorded", created_at: "1970-01-01T00:00:01.500Z", payload });
    expect(event({ name: "x".repeat(300), value: 2 })).toEqual({
      name: "x".repeat(256),
      point: { sequence: 4, at: 1500, value: 2 },
    });
    expect([event({ name: "loss", value: "2" }), event({ value: 2 }), event({ name: "a", value: Infinity })]).toEqual([
      null,
      null,
      null,
    ]);
  });
});

describe("charts", () => {
  const metric = (name: string, unit: string | null = null) => ({ name, unit, last: 0, min: 0, max: 0, count: 1 });
  const titles = (...metrics: ReturnType<typeof metric>[]) =>
    chartsOf(metrics).map(({ title, lines }) => [title, lines.map(({ label }) => label).join()]);

  test("a family of one unit shares one; whoever is alone has its own, with its whole name", () =>
    expect(
      titles(
        metric("loss/train"),
        metric("lr"),
        metric("loss/val"),
        metric("loss/n", "MiB"),
        metric("a/"),
        metric("/b"),
      ),
    ).toEqual([
      ["loss", "train,val"],
      ["lr", "lr"],
      ["loss/n", "loss/n"],
      ["a/", "a/"],
      ["/b", "/b"],
    ]));
  test("a family that is larger than there are colours is several charts, and no metric is left out", () => {
    const many = Array.from({ length: 19 }, (_, n) => metric(`layer/${n}`));
    const charts = chartsOf(many);
    expect(charts.map(({ lines }) => lines.length)).toEqual([MOST_LINES, MOST_LINES, 3]);
    expect(new Set(charts.map(({ key }) => key)).size).toBe(3);
    expect(charts.flatMap(({ lines }) => lines.map(({ name }) => name))).toEqual(many.map(({ name }) => name));
  });
  test("a metric that is called as a family is not taken for it, and hostile names are text", () =>
    expect(titles(metric("__proto__"), metric("loss"), metric("loss/a"), metric("loss/b"), metric("\u202e"))).toEqual([
      ["__proto__", "__proto__"],
      ["loss", "loss"],
      ["loss", "a,b"],
      ["(no name)", "(no name)"],
    ]));

  test("lines of different metrics are joined on one axis that goes one way", () => {
    const [a, b] = [pointsOf([1, 2], 1), [{ sequence: 5, at: 1500, value: 9 }]];
    expect(join([a, b], "line", 0)).toEqual({
      xs: [1, 2, 5],
      ys: [
        [1, 2, null],
        [null, null, 9],
      ],
    });
    // The clock was set back before the third.
    expect(join([a, b], "time", 1000).xs).toEqual([0, 1000, 1000]);
  });
  test("the nearest point is found, as a look at each would", () =>
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: -10, max: 210 }),
        (places, x) => {
          const points = places.toSorted((a, b) => a - b).map((sequence) => ({ sequence, at: 0, value: 0 }));
          const distance = (point: Point | null) => Math.abs((point?.sequence ?? Infinity) - x);
          expect(distance(nearest(points, x, "line", 0))).toBe(Math.min(...points.map(distance)));
        },
      ),
      { numRuns: 200 },
    ));
  test("there is no nearest of none", () => expect(nearest([], 1, "line", 0)).toBe(null));
  test("by arrow keys one gets from any place to every point in turn, and stops at the ends", () =>
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 30 }), (places) => {
        const points = places.toSorted((a, b) => a - b).map((sequence) => ({ sequence, at: 0, value: 0 }));
        const walk = (by: number): (number | undefined)[] => {
          const passed = [neighbour(points, null, by, "line", 0)?.sequence];
          for (let left = points.length; left > 0; left -= 1)
            passed.push(neighbour(points, passed.at(-1) ?? null, by, "line", 0)?.sequence);
          return passed;
        };
        const all = points.map(({ sequence }) => sequence);
        expect(walk(0.1)).toEqual([...all, all.at(-1)]);
        expect(walk(-0.1)).toEqual([...all.toReversed(), all[0]]);
        expect(walk(Infinity)[0]).toBe(all.at(-1));
        expect(walk(-Infinity)[0]).toBe(all[0]);
        expect(neighbour(points, all[0] ?? 0, Infinity, "line", 0)?.sequence).toBe(all.at(-1));
      }),
      { numRuns: 50 },
    ));
  test("all charts reach from the first point of any to the last", () => {
    const [early, late] = [pointsOf([1, 2], 1), pointsOf([1], 9)];
    expect(extentOf([early, [], late], "line", 0)).toEqual({ from: 1, to: 9 });
    expect(extentOf([early], "time", 1000)).toEqual({ from: 0, to: 1000 });
    // One point, or none, has some room around it.
    expect([extentOf([late], "line", 0), extentOf([[]], "line", 0)]).toEqual([
      { from: 8, to: 10 },
      { from: 0, to: 1 },
    ]);
  });
  test("a closer look stays within the whole, and never comes so close that nothing is left", () => {
    const whole = { from: 0, to: 1000 };
    expect(partOf(whole, { from: 200, to: 300 })).toEqual({ from: 200, to: 300 });
    expect(partOf(whole, { from: -50, to: 50 })).toEqual({ from: 0, to: 100 });
    expect(partOf(whole, { from: -50, to: 2000 })).toBe(null);
    expect(partOf(whole, { from: 1000, to: 1000 })).toEqual({ from: 999.9, to: 1000 });
  });
  test("what was recorded in one moment stands by its line", () =>
    expect([axisFor(0, 10), axisFor(0, 60_000)]).toEqual(["line", "time"]));
});

describe("the height of a chart", () => {
  const anything = fc.double({ noNaN: true, noDefaultInfinity: true });

  test("holds every value, is never nothing, and has a few marks that can be told apart, whatever was recorded", () =>
    fc.assert(
      fc.property(anything, anything, (one, two) => {
        const exponent = exponentOf(Math.max(Math.abs(one), Math.abs(two)));
        const [low, high] = [Math.min(one, two), Math.max(one, two)].map((value) => value / 10 ** exponent);
        const [from, to] = rangeOf(low ?? null, high ?? null);
        expect(Number.isFinite(to - from)).toBe(true);
        expect(to).toBeGreaterThan(from);
        expect(from).toBeLessThanOrEqual(low ?? 0);
        expect(to).toBeGreaterThanOrEqual(high ?? 0);
        const marks = marksOf(from, to, 4);
        expect(marks.length).toBeGreaterThanOrEqual(1);
        expect(marks.length).toBeLessThanOrEqual(5);
        expect(new Set(labelsOf(marks, exponent)).size).toBe(marks.length);
      }),
      { numRuns: 500 },
    ));
  test.each([
    [
      [0, 1],
      ["0", "0.5", "1.0"],
    ],
    [
      [9_119_980, 9_120_020],
      ["9.11998M", "9.11999M", "9.12000M", "9.12001M", "9.12002M"],
    ],
    [
      [0, 45_000],
      ["0", "20k", "40k"],
    ],
  ])("of %j is marked %j", ([low, high], labels) => expect(labelsOf(marksOf(low!, high!, 4), 0)).toEqual(labels));
  test("of numbers that are hard to write is marked by their power of ten", () => {
    expect(exponentOf(2e-7)).toBe(-7);
    expect(labelsOf([-1, 0, 1], 308)).toEqual(["-1e308", "0", "1e308"]);
    expect([rangeOf(null, null), rangeOf(0, 0), rangeOf(5, 5)]).toEqual([
      [0, 1],
      [-1, 1],
      [4.5, 5.5],
    ]);
  });
});
