import { compileMatcher } from "../../core/search/text-matcher.ts";
import type { LogSearch } from "../../core/search/text-scan.ts";
import { LOG_LEVELS } from "../../protocol/event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { parseAnsi, parseFlag, parsePosition, parseTypesQuery, type Parsed } from "../../protocol/read-query.ts";

const refused = (detail: string): { kind: "refused"; refusal: { code: "INVALID_QUERY"; detail: string } } => ({
  kind: "refused",
  refusal: { code: "INVALID_QUERY", detail },
});

/** What `GET …/search` asks for; the schema has seen that each parameter is there once. */
export function parseSearch(query: URLSearchParams): Parsed<LogSearch> {
  const isExpression = parseFlag(query, "regex");
  if (isExpression.kind === "refused") return isExpression;
  const isCaseSensitive = parseFlag(query, "case");
  if (isCaseSensitive.kind === "refused") return isCaseSensitive;
  const position = parsePosition(query);
  if (position.kind === "refused") return position;
  const types = parseTypesQuery(query);
  if (types.kind === "refused") return types;
  const stripAnsi = parseAnsi(query);
  if (stripAnsi.kind === "refused") return stripAnsi;

  const level = query.get("level") ?? "debug";
  const least = LOG_LEVELS.find((one) => one === level);
  if (least === undefined) return refused(`level must be one of ${LOG_LEVELS.join(", ")}`);

  const q = query.get("q");
  if (q === null || q === "") return refused("q must say what to look for");
  if (q.length > LIMITS.searchQueryChars) return refused(`q may have ${LIMITS.searchQueryChars} characters`);
  if (q.includes("\n")) return refused("q is looked for in each line by itself: it cannot hold a line break");
  const compiled = compileMatcher({
    query: q,
    isExpression: isExpression.value,
    isCaseSensitive: isCaseSensitive.value,
  });
  if (compiled.kind === "fault")
    return refused(`q is no regular expression that can be searched for (RE2's syntax): ${compiled.fault}`);
  const { matcher } = compiled;
  return {
    kind: "ok",
    value: { matcher, afterSequence: position.value, types: types.value, stripAnsi: stripAnsi.value, level: least },
  };
}
