import * as fc from "fast-check";
import { expect, test } from "vitest";
import { assembleLine, draftEvent } from "../../protocol/ndjson.ts";
import { runs } from "../../test/simulation/settings.ts";
import { MetricPoints } from "./metric-points.ts";

const CREATED_AT = "2026-11-21T02:30:00.000Z";
const recorded = (sequence: number, payload: Record<string, unknown>, type = "metric.recorded"): string =>
  assembleLine(draftEvent(type, null, payload), sequence, CREATED_AT);

test("[MET3] of any number of values there are at most as many points as are asked for, in order, among them the lowest and the highest; of few all", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.constantFrom("a", "b"),
          fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
        ),
        {
          maxLength: 400,
        },
      ),
      fc.integer({ min: 4, max: 60 }),
      (values, most) => {
        const metrics = new MetricPoints(["b", "a", "c"], most);
        for (const [at, [name, value]] of values.entries()) metrics.add(recorded(at + 1, { name, value }));
        const items = metrics.items();
        expect(items.map(({ name }) => name)).toEqual(["b", "a", "c"]);
        for (const { name, count, points } of items) {
          const all = values.flatMap(([of, value], at) => (of === name ? [{ sequence: at + 1, value }] : []));
          expect(count).toBe(all.length);
          expect(points.length).toBeLessThanOrEqual(most);
          for (const { sequence, value } of points) expect(all).toContainEqual({ sequence, value });
          const sequences = points.map(({ sequence }) => sequence);
          expect(sequences).toEqual([...new Set(sequences)].toSorted((one, other) => one - other));
          if (all.length <= 2 * Math.floor(most / 4))
            expect(points.map(({ value }) => value)).toEqual(all.map(({ value }) => value));
          const extremes = (of: readonly { value: number }[]) => [
            Math.min(...of.map(({ value }) => value)),
            Math.max(...of.map(({ value }) => value)),
          ];
          expect(extremes(points)).toEqual(extremes(all));
        }
      },
    ),
    runs(100),
  );
});

test("[MET2] only what is a value of the metric counts; it has its position, its unit is the last, its name is cut as in the summary", () => {
  const long = "n".repeat(300);
  const metrics = new MetricPoints(["loss", long], 10);
  metrics.add(recorded(1, { name: "loss", value: 1, unit: "nat" }));
  metrics.add(recorded(2, { name: "loss", value: 2 }, "metric.other"));
  metrics.add(recorded(3, { name: "loss", value: "3" }));
  metrics.add(recorded(4, { name: "loss", value: 4, unit: "bit", at: 0.5 }));
  metrics.add(recorded(5, { name: `${long}x`, value: 5 }));
  metrics.add("damage");
  expect(metrics.items()).toEqual([
    {
      name: "loss",
      unit: "bit",
      count: 2,
      points: [
        { sequence: 1, created_at: CREATED_AT, value: 1 },
        { sequence: 4, created_at: CREATED_AT, value: 4, at: 0.5 },
      ],
    },
    { name: long, unit: null, count: 1, points: [{ sequence: 5, created_at: CREATED_AT, value: 5 }] },
  ]);
});
