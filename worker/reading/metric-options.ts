import { LIMITS } from "../../protocol/limits.ts";
import { parsePosition, parseWholeNumber, refuseRepeats, type Parsed } from "../../protocol/read-query.ts";

export type MetricQuery = { names: string[]; points: number; afterSequence: number };

const DEFAULT_POINTS = 2_000;
/** Two buckets. */
const LEAST_POINTS = 4;

const refused = (detail: string): { kind: "refused"; refusal: { code: "INVALID_QUERY"; detail: string } } => ({
  kind: "refused",
  refusal: { code: "INVALID_QUERY", detail },
});

/** What `GET …/metrics` asks for. */
export function parseMetricQuery(query: URLSearchParams): Parsed<MetricQuery> {
  const repeats = refuseRepeats(query, ["points", "after_sequence", "from_sequence"]);
  if (repeats !== null) return { kind: "refused", refusal: repeats };
  const names = query.getAll("name");
  if (names.length === 0) return refused("name must say which metric; it may stand several times");
  if (names.length > LIMITS.metricNames) return refused(`at most ${LIMITS.metricNames} names at once`);
  if (names.some((name, at) => name === "" || names.indexOf(name) !== at))
    return refused("a name must not be empty, nor stand there twice");
  const points = parseWholeNumber(query.get("points") ?? String(DEFAULT_POINTS));
  if (points === null || points < LEAST_POINTS || points > LIMITS.metricPoints)
    return refused(`points must be a whole number from ${LEAST_POINTS} to ${LIMITS.metricPoints}`);
  const position = parsePosition(query);
  if (position.kind === "refused") return position;
  return { kind: "ok", value: { names, points, afterSequence: position.value } };
}
