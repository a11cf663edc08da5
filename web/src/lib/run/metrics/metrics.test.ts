import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exponentOf, labelsOf, marksOf, rangeOf } from "./metric-axis.ts";
import { axisFor, chartsOf, join, MOST_LINES, nearest } from "./metric-charts.ts";
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
      points: [...a, ...b],
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
