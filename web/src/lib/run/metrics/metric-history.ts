import type { RuncastApi } from "../../../../../client/api.ts";
import { orThrow } from "../../../../../client/runcast-error.ts";
import type { RunEvent } from "../../../../../protocol/event.ts";
import { numberOr } from "../../../../../protocol/lenient.ts";
import { LIMITS } from "../../../../../protocol/limits.ts";
import { cutText, parseLine } from "../../../../../protocol/ndjson.ts";
import type { Point } from "../../../../../protocol/metric-series.ts";

/** Stored values of one metric. */
export type History = {
  points: readonly Point[];
  /** False: there are earlier ones that are not here. */
  isWhole: boolean;
};
export type ReadHistory = (name: string) => Promise<History>;

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

/** Read for all metrics at once, by whoever asks first. */
const MOST_EVENTS = 20_000;

/** The last values recorded, of all metrics together. */
export function historyOf(api: RuncastApi, runId: string, signal: AbortSignal): ReadHistory {
  let reading: Promise<(name: string) => History> | null = null;
  const read = async (): Promise<(name: string) => History> => {
    const query = new URLSearchParams({ types: "metric.recorded", tail: String(MOST_EVENTS) });
    const lines = orThrow(await api.readLines(runId, query, signal)).split("\n");
    const events = lines.flatMap((line) => (line === "" ? [] : (parseLine(line) ?? [])));
    const byName = Map.groupBy(
      events.flatMap((event) => recordedIn(event) ?? []),
      ({ name }) => name,
    );
    return (name) => ({
      points: (byName.get(name) ?? []).map(({ point }) => point),
      isWhole: events.length < MOST_EVENTS,
    });
  };
  return async (name) => {
    reading ??= read();
    try {
      return (await reading)(name);
    } catch (cause) {
      reading = null;
      throw cause;
    }
  };
}
