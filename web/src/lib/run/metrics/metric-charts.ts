import type { Summary } from "../../../../../protocol/summary.ts";
import { shownName } from "../shown-name.ts";
import type { Point } from "../../../../../protocol/metric-series.ts";

type Metric = Summary["metrics"]["items"][number];
/** One line of a chart. `name` is the metric's own, `label` what is shown. */
export type ChartLine = { name: string; label: string };
export type Chart = { key: string; title: string; unit: string; lines: ChartLine[] };
/** What a chart's width stands for. */
export type ChartAxis = "time" | "line";
export type Extent = { from: number; to: number };

/** Colours that can be told from each other. */
export const MOST_LINES = 8;

/** `loss/train` and `loss/validation` of one unit share a chart; every other metric has its own. In the order they were first recorded. */
export function chartsOf(metrics: readonly Metric[]): Chart[] {
  const families = new Map<string, Metric[]>();
  for (const metric of metrics) {
    const { family } = familyOf(metric);
    const key = JSON.stringify([family ?? metric.name, metric.unit, family !== null]);
    const known = families.get(key);
    if (known === undefined) families.set(key, [metric]);
    else known.push(metric);
  }
  return [...families.values()].flatMap((members) => {
    const isShared = members.length > 1;
    return Array.from({ length: Math.ceil(members.length / MOST_LINES) }, (_, part) => {
      const lines = members.slice(part * MOST_LINES, (part + 1) * MOST_LINES);
      const [first = lines[0]] = lines;
      if (first === undefined) throw new Error("a family has members");
      return {
        key: first.name,
        title: shownName((isShared ? familyOf(first).family : null) ?? first.name),
        unit: first.unit === null ? "" : shownName(first.unit),
        lines: lines.map((metric) => ({
          name: metric.name,
          label: shownName(isShared ? familyOf(metric).own : metric.name),
        })),
      };
    });
  });
}

function familyOf({ name }: Metric): { family: string | null; own: string } {
  const slash = name.lastIndexOf("/");
  return slash <= 0 || slash === name.length - 1
    ? { family: null, own: name }
    : { family: name.slice(0, slash), own: name.slice(slash + 1) };
}

/** Where a point stands: milliseconds since `origin`, or its line. */
export const xOf = (point: Point, axis: ChartAxis, origin: number): number =>
  axis === "line" ? point.sequence : Math.max(0, point.at - origin);

export type Joined = { xs: number[]; ys: (number | null)[][] };

/** Several lines over one axis: at each place one line has its value and the others none. */
export function join(lines: readonly (readonly Point[])[], axis: ChartAxis, origin: number): Joined {
  const all = lines
    .flatMap((points, line) => points.map((point) => ({ point, line })))
    .toSorted((a, b) => a.point.sequence - b.point.sequence);
  const xs: number[] = [];
  const ys: (number | null)[][] = lines.map(() => Array.from({ length: all.length }, () => null));
  for (const [at, { point, line }] of all.entries()) {
    // A server's clock may be set back; an axis goes one way.
    xs.push(Math.max(xs.at(-1) ?? -Infinity, xOf(point, axis, origin)));
    const values = ys[line];
    if (values !== undefined) values[at] = point.value;
  }
  return { xs, ys };
}

/** The point that stands nearest to `x`; of two the earlier. Null: there is none. */
export function nearest(points: readonly Point[], x: number, axis: ChartAxis, origin: number): Point | null {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const point = points[middle];
    if (point !== undefined && xOf(point, axis, origin) < x) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [points[low - 1], points[low]];
  if (before === undefined || after === undefined) return before ?? after ?? null;
  return x - xOf(before, axis, origin) <= xOf(after, axis, origin) - x ? before : after;
}

/**
 * Where one comes from `x` by `by`, at least to the next point and at most to the last; from nowhere, to the end one goes away from.
 */
export function neighbour(
  points: readonly Point[],
  x: number | null,
  by: number,
  axis: ChartAxis,
  origin: number,
): Point | null {
  if (x === null) {
    const isToTheEnd = !Number.isFinite(by);
    return (by > 0 === isToTheEnd ? points.at(-1) : points[0]) ?? null;
  }
  const here = nearest(points, x, axis, origin);
  const there = nearest(points, x + by, axis, origin);
  if (here === null || there !== here) return there;
  return points[points.indexOf(here) + Math.sign(by)] ?? here;
}

/** From the first point to the last, of all lines. */
export function extentOf(lines: readonly (readonly Point[])[], axis: ChartAxis, origin: number): Extent {
  let [from, to] = [Infinity, -Infinity];
  for (const points of lines) {
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined) continue;
    from = Math.min(from, xOf(first, axis, origin));
    to = Math.max(to, xOf(last, axis, origin));
  }
  if (from > to) return { from: 0, to: 1 };
  return from < to ? { from, to } : { from: from - 1, to: to + 1 };
}

/** Closer than this there is nothing more to see, and numbers end. */
const LEAST_PART = 1e-4;

/** The part of the whole that one may look at closer: within it, and not so small that nothing is left. Null: it is the whole. */
export function partOf(whole: Extent, part: Extent): Extent | null {
  const width = Math.max(part.to - part.from, (whole.to - whole.from) * LEAST_PART);
  const from = Math.max(whole.from, Math.min(part.from, whole.to - width));
  const to = Math.min(whole.to, from + width);
  return from === whole.from && to === whole.to ? null : { from, to };
}

/** Time says most, unless everything was recorded in a moment: then all would stand on one spot. */
export const axisFor = (from: number, to: number): ChartAxis => (to - from < 1_000 ? "line" : "time");
