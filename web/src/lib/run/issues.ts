import { SEVERITIES, type RunEvent } from "../../../../protocol/event.ts";
import { numberOr, textOr } from "../../../../protocol/lenient.ts";
import { isSeverity, type Severity } from "../../../../protocol/severity.ts";

export type Issue = { sequence: number; severity: Severity; code: string; message: string; place: string };
export type IssueGroup = { severity: Severity; issues: Issue[] };

/** The issues, worst first; of one severity in the order of the log. */
export function issueGroups(events: readonly RunEvent[]): IssueGroup[] {
  const issues = events.flatMap((event) => readIssue(event) ?? []);
  return SEVERITIES.toReversed().map((severity) => ({
    severity,
    issues: issues.filter((issue) => issue.severity === severity),
  }));
}

function readIssue({ type, sequence, payload }: RunEvent): Issue | null {
  const { severity, code, message } = payload;
  if (type !== "run.validation.issue" || !isSeverity(severity)) return null;
  return { sequence, severity, code: textOr(code, ""), message: textOr(message, ""), place: placeOf(payload) };
}

/** `src/app.ts:14:3`, `orders.csv row 12 field price`. */
function placeOf(payload: RunEvent["payload"]): string {
  const number = (key: string): string | null => numberOr(payload[key], null)?.toString() ?? null;
  const file = [textOr(payload["file"], null), number("line"), number("column")].filter((part) => part !== null);
  const row = number("row");
  const field = textOr(payload["field"], null);
  return [file.join(":"), row === null ? "" : `row ${row}`, field === null ? "" : `field ${field}`]
    .filter((part) => part !== "")
    .join(" ");
}
