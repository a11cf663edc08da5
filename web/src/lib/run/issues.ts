import { SEVERITIES, type RunEvent } from "../../../../protocol/event.ts";
import { numberOr, textOr } from "../../../../protocol/lenient.ts";
import { LIMITS } from "../../../../protocol/limits.ts";
import { cutText } from "../../../../protocol/ndjson.ts";
import { isSeverity, type Severity } from "../../../../protocol/severity.ts";
import type { Summary } from "../../../../protocol/summary.ts";
import { stripAnsi } from "../console/ansi.ts";

export type Issue = { sequence: number; severity: Severity; code: string; message: string; place: string };
export type IssueCode = {
  code: string;
  /** In the order of the log. */
  issues: Issue[];
  /** How many there are in the log; null: more than are here, and nobody counts them by severity. */
  count: number | null;
};
export type IssueGroup = { severity: Severity; count: number; codes: IssueCode[] };

/** The whole message is at its line. */
const MESSAGE_CHARS = 1_000;

/**
 * The issues by severity, worst first, and by code, the most frequent first. `isCut`: only the first of them are here, and a code that the summary
 * alone knows of is listed without its lines.
 */
export function issueGroups(events: readonly RunEvent[], summary: Summary["issues"], isCut: boolean): IssueGroup[] {
  const bySeverity = new Map(SEVERITIES.map((severity) => [severity, new Map<string, Issue[]>()]));
  for (const event of events) {
    const issue = readIssue(event);
    const codes = issue === null ? undefined : bySeverity.get(issue.severity);
    if (issue !== null && codes?.get(issue.code)?.push(issue) === undefined) codes?.set(issue.code, [issue]);
  }
  const isFound = (code: string): boolean => [...bySeverity.values()].some((codes) => codes.has(code));
  return SEVERITIES.toReversed().flatMap((severity) => {
    const found = [...(bySeverity.get(severity) ?? [])].map(([code, issues]): IssueCode => {
      const count = isCut ? null : issues.length;
      return { code, issues, count };
    });
    const unread = (isCut ? summary.by_code.items : [])
      .filter(({ code, max_severity: worst }) => worst === severity && !isFound(code))
      .map(({ code, count }): IssueCode => ({ code, issues: [], count }));
    const codes = [...found, ...unread].toSorted((a, b) => sizeOf(b) - sizeOf(a));
    const count = summary.by_severity[severity];
    return count === 0 && codes.length === 0 ? [] : [{ severity, count, codes }];
  });
}

const sizeOf = ({ issues, count }: IssueCode): number => count ?? issues.length;

function readIssue({ type, sequence, payload }: RunEvent): Issue | null {
  const { severity, code, message } = payload;
  if (type !== "run.validation.issue" || !isSeverity(severity)) return null;
  return {
    sequence,
    severity,
    // Cut as the summary cuts it, or the two would not meet.
    code: cutText(textOr(code, ""), LIMITS.summaryStringChars),
    message: cutText(stripAnsi(cutText(textOr(message, ""), 2 * MESSAGE_CHARS)), MESSAGE_CHARS),
    place: placeOf(payload),
  };
}

/** `src/app.ts:14:3`, `orders.csv row 12 field price`. */
function placeOf(payload: RunEvent["payload"]): string {
  const number = (key: string): string | null => numberOr(payload[key], null)?.toString() ?? null;
  const file = [textOr(payload["file"], null), number("line"), number("column")].filter((part) => part !== null);
  const row = number("row");
  const field = textOr(payload["field"], null);
  const place = [file.join(":"), row === null ? "" : `row ${row}`, field === null ? "" : `field ${field}`]
    .filter((part) => part !== "")
    .join(" ");
  return stripAnsi(cutText(place, LIMITS.summaryStringChars));
}
