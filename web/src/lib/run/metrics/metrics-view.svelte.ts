import type { RunEvent } from "../../../../../protocol/event.ts";
import { recordedIn, type ReadHistory } from "./metric-history.ts";
import { LIMITS } from "../../../../../protocol/limits.ts";
import { MetricSeries, MOST_BUCKETS, type Point } from "../../../../../protocol/metric-series.ts";

/** A chart that moves more often than this is only a flicker. */
const DRAW_EVERY_MS = 250;

/** Of all metrics together: the more there are, the coarser each of the later ones is kept. */
const ALL_BUCKETS = 64 * MOST_BUCKETS;

type Reading = "reading" | "here" | "failed";

/** The values of a run's metrics: those that come live, and the stored ones of whatever one looks at. */
export class MetricsView {
  /** Moves when a chart may have something new to draw. */
  version = $state(0);
  readonly #read: ReadHistory;
  readonly #series = new Map<string, MetricSeries>();
  readonly #readings = new Map<string, Reading>();
  #drawing: ReturnType<typeof setTimeout> | undefined;

  constructor(read: ReadHistory) {
    this.#read = read;
  }

  take(events: readonly RunEvent[]): void {
    for (const event of events) {
      const recorded = recordedIn(event);
      if (recorded === null) continue;
      this.#seriesOf(recorded.name)?.append(recorded.point);
      this.#drawing ??= setTimeout(() => this.#draw(), DRAW_EVERY_MS);
    }
  }

  /** Reads what is stored of them, at once; each only once, and again after a failure. */
  async want(names: readonly string[]): Promise<void> {
    const wanted = names.filter((name) => !["reading", "here"].includes(this.#readings.get(name) ?? ""));
    if (wanted.length === 0) return;
    this.#are(wanted, "reading");
    this.#draw();
    try {
      for (const [name, points] of await this.#read(wanted)) {
        const live = this.#seriesOf(name);
        if (live !== null) this.#series.set(name, live.after(points));
      }
      this.#are(wanted, "here");
    } catch {
      // Said by the state; whoever looks offers to try again.
      this.#are(wanted, "failed");
    }
    this.#draw();
  }

  readingOf(name: string): Reading | null {
    void this.version;
    return this.#readings.get(name) ?? null;
  }

  pointsOf(name: string): readonly Point[] {
    void this.version;
    return this.#series.get(name)?.points ?? [];
  }

  close(): void {
    clearTimeout(this.#drawing);
  }

  /** Null: the summary names no more metrics than so many either. */
  #seriesOf(name: string): MetricSeries | null {
    const known = this.#series.get(name);
    if (known !== undefined) return known;
    if (this.#series.size >= LIMITS.summaryListEntries) return null;
    const series = new MetricSeries(Math.min(MOST_BUCKETS, Math.ceil(ALL_BUCKETS / (this.#series.size + 1))));
    this.#series.set(name, series);
    return series;
  }

  #are(names: readonly string[], reading: Reading): void {
    for (const name of names) this.#readings.set(name, reading);
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    this.version += 1;
  }
}
