import { parseLine } from "../../../../protocol/ndjson.ts";
import { rowOfEvent, type ConsoleRow } from "../console/console-row.ts";
import type { SequenceRange } from "../console/log-lines.ts";
import type { LogRows } from "../console/log-rows.ts";

const SHOWN_LINES = 8;
/** Programs often say what went wrong and then much else: look this far back. */
const LOOK_BACK = 500;

export type OutputRow = Extract<ConsoleRow, { kind: "output" }>;

/**
 * What was said last up to a failure: the last lines of error output; if there is none, the last lines. Looked for from the end of `within`, no
 * further back than its beginning. Null: some of these lines are not here.
 */
export function lastErrorLines(rows: LogRows, within: SequenceRange): OutputRow[] | null {
  const end = Math.min(rows.count, rows.joined.rowsUpTo(within.last));
  return pick(backwards(), within.first);

  function* backwards(): Generator<ConsoleRow> {
    for (let index = end - 1; index >= Math.max(0, end - LOOK_BACK); index -= 1) yield rows.at(index);
  }
}

/** The same of lines that were fetched for it. */
export const lastErrorsOf = (lines: readonly { line: string }[]): OutputRow[] =>
  pick(
    lines.toReversed().flatMap(({ line }) => {
      const event = parseLine(line);
      return event === null ? [] : [rowOfEvent(event, line)];
    }),
    1,
  ) ?? [];

/** The lines that `lastErrorLines` would look at. */
export const lookedAt = ({ first, last }: SequenceRange): SequenceRange => ({
  first: Math.max(1, first, last - LOOK_BACK + 1),
  last,
});

function pick(backwards: Iterable<ConsoleRow>, first: number): OutputRow[] | null {
  const errors: OutputRow[] = [];
  const lastRows: OutputRow[] = [];
  for (const row of backwards) {
    if (row.kind === "awaited") return null;
    if (row.sequence < first || errors.length === SHOWN_LINES) break;
    if (row.kind !== "output" || row.spans.length === 0) continue;
    if (row.isError) errors.push(row);
    if (lastRows.length < SHOWN_LINES) lastRows.push(row);
  }
  return (errors.length > 0 ? errors : lastRows).toReversed();
}
