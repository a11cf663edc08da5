/** One recorded value: where it is in the log, when it was written, what it says. */
export type Point = { sequence: number; at: number; value: number };
type Placed = Pick<Point, "sequence" | "value">;
type Bucket<P> = { low: P; high: P };

/** More than a chart has pixels, so that one can look closer; and little enough for hundreds of metrics. */
export const MOST_BUCKETS = 4_096;

/**
 * The values of one metric in bounded memory, however many are recorded: neighbours share a bucket that keeps its lowest and its highest, so
 * that no peak is ever lost, and all buckets stand for the same number of values.
 */
export class MetricSeries<P extends Placed = Point> {
  readonly #most: number;
  #buckets: Bucket<P>[] = [];
  /** Values a bucket stands for, and those in the last one. */
  #stride = 1;
  #inLast = 0;
  #last = 0;
  #points: readonly P[] | null = null;

  constructor(most: number = MOST_BUCKETS) {
    this.#most = most;
  }

  /** In the order of the log; those at or before the last one change nothing. */
  append(point: P): void {
    if (point.sequence <= this.#last) return;
    this.#last = point.sequence;
    this.#points = null;
    const bucket = this.#buckets.at(-1);
    if (bucket === undefined || this.#inLast === this.#stride) {
      if (this.#buckets.length === this.#most) this.#halve();
      this.#buckets.push({ low: point, high: point });
      this.#inLast = 1;
      return;
    }
    this.#inLast += 1;
    if (point.value < bucket.low.value) bucket.low = point;
    if (point.value > bucket.high.value) bucket.high = point;
  }

  /** The same values with those of `earlier` before them; what both hold counts once. */
  after(earlier: readonly P[]): MetricSeries<P> {
    const whole = new MetricSeries<P>(this.#most);
    for (const point of earlier) whole.append(point);
    for (const point of this.points) whole.append(point);
    return whole;
  }

  /** Of each bucket the lowest and the highest value, in the order they were recorded. */
  get points(): readonly P[] {
    this.#points ??= this.#buckets.flatMap(({ low, high }) =>
      low === high ? [low] : low.sequence < high.sequence ? [low, high] : [high, low],
    );
    return this.#points;
  }

  #halve(): void {
    const halved: Bucket<P>[] = [];
    for (let at = 0; at < this.#buckets.length; at += 2) {
      const [one, two] = [this.#buckets[at], this.#buckets[at + 1]];
      if (one === undefined) break;
      if (two === undefined) {
        halved.push(one);
        continue;
      }
      halved.push({
        low: two.low.value < one.low.value ? two.low : one.low,
        high: two.high.value > one.high.value ? two.high : one.high,
      });
    }
    this.#buckets = halved;
    this.#stride *= 2;
  }
}
