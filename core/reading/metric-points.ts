import { numberOr, textOr } from "../../protocol/lenient.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MetricHistory, MetricPoint } from "../../protocol/metric-history.ts";
import { MetricSeries } from "../../protocol/metric-series.ts";
import { cutText, parseLine } from "../../protocol/ndjson.ts";
import { lineType } from "../../protocol/type-filter.ts";

/** A name as the summary has it. */
const nameOf = (name: string): string => cutText(name, LIMITS.summaryStringChars);

/** The values of some metrics, line by line, in memory that is bounded by the points that are asked for. [MET3] */
export class MetricPoints {
  readonly #names: readonly string[];
  readonly #byName: ReadonlyMap<string, { unit: string | null; count: number; series: MetricSeries<MetricPoint> }>;

  /** At most so many points of each name. */
  constructor(names: readonly string[], points: number) {
    this.#names = names;
    // Two of each bucket, its lowest and its highest; an even number of buckets, so that all stand for equally many values.
    const most = 2 * Math.floor(points / 4);
    this.#byName = new Map(
      names.map((name) => [nameOf(name), { unit: null, count: 0, series: new MetricSeries<MetricPoint>(most) }]),
    );
  }

  add(line: string): void {
    if (lineType(line) !== "metric.recorded") return;
    const event = parseLine(line);
    const value = numberOr(event?.payload["value"], null);
    const metric = this.#byName.get(nameOf(textOr(event?.payload["name"], "")));
    if (event === null || value === null || metric === undefined) return;
    const at = numberOr(event.payload["at"], null);
    const { sequence, created_at } = event;
    metric.unit = textOr(event.payload["unit"], metric.unit);
    metric.count += 1;
    metric.series.append({ sequence, created_at, value, ...(at === null ? {} : { at }) });
  }

  items(): MetricHistory["items"] {
    return this.#names.map((name) => {
      const metric = this.#byName.get(nameOf(name));
      return {
        name,
        unit: metric?.unit ?? null,
        count: metric?.count ?? 0,
        points: [...(metric?.series.points ?? [])],
      };
    });
  }
}
