import type { RuncastApi } from "../../../../../client/api.ts";
import { orThrow } from "../../../../../client/runcast-error.ts";
import type { RunEvent } from "../../../../../protocol/event.ts";
import { numberOr } from "../../../../../protocol/lenient.ts";
import { LIMITS } from "../../../../../protocol/limits.ts";
import type { MetricHistory } from "../../../../../protocol/metric-history.ts";
import type { Point } from "../../../../../protocol/metric-series.ts";
import { cutText } from "../../../../../protocol/ndjson.ts";

/** The name is cut as the summary cuts it. Null: it records nothing that can be drawn. */
export function recordedIn({
  type,
  sequence,
  created_at: createdAt,
  payload,
}: RunEvent): { name: string; point: Point } | null {
  const { name } = payload;
  const value = numberOr(payload["value"], null);
  if (type !== "metric.recorded" || typeof name !== "string" || value === null) return null;
  return { name: cutText(name, LIMITS.summaryStringChars), point: { sequence, at: Date.parse(createdAt), value } };
}

/** Names that are read together: a log is gone through once for all of them, and it is that which takes its time. */
export const batchesOf = (names: readonly string[]): string[][] =>
  // One that is called nothing cannot be asked for; what comes live of it is drawn all the same.
  chunks(
    names.filter((name) => name !== ""),
    LIMITS.metricNames,
  );

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/** A chart has some hundred pixels, and each of them room for a lowest and a highest. */
const POINTS = 1_200;

/** One answer of the server to a question for metrics, after a sequence. */
export type AskMetrics = (names: readonly string[], afterSequence: number) => Promise<MetricHistory>;
/** The stored points of some metrics, by name. */
export type ReadHistory = (names: readonly string[]) => Promise<Map<string, Point[]>>;

export const askerOf =
  (api: RuncastApi, runId: string, signal: AbortSignal): AskMetrics =>
  async (names, afterSequence) =>
    orThrow(await api.readMetrics(runId, { names, points: POINTS, afterSequence }, signal));

/** Asks until the log has been read to its end: of a long one the server gives what it has read in its time. */
export const historyOf =
  (ask: AskMetrics): ReadHistory =>
  async (names) => {
    const byName = new Map(names.map((name): [string, Point[]] => [name, []]));
    let after = 0;
    for (;;) {
      const { items, scanned_to: scannedTo, complete } = await ask(names, after);
      for (const { name, points } of items)
        for (const { sequence, created_at: createdAt, value } of points)
          byName.get(name)?.push({ sequence, at: Date.parse(createdAt), value });
      if (complete) return byName;
      if (scannedTo <= after) throw new Error("the server reads no further");
      after = scannedTo;
    }
  };
