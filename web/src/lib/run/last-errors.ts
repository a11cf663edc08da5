import type { ConsoleRow } from "../console/console-row.ts";
import type { LogRows } from "../console/log-rows.ts";

const SHOWN_LINES = 8;
/** Programs often say what went wrong and then much else: look this far back from the end. */
const LOOK_BACK_ROWS = 500;

type OutputRow = Extract<ConsoleRow, { kind: "output" }>;

/**
 * What a failed run said last: the last lines of its error output; if it wrote none, its last lines. Only lines that are here are looked at.
 */
export function lastErrorLines(rows: LogRows): OutputRow[] {
  const errors: OutputRow[] = [];
  const lastRows: OutputRow[] = [];
  const end = rows.count - 1;
  for (let index = end; index >= Math.max(0, end - LOOK_BACK_ROWS) && errors.length < SHOWN_LINES; index -= 1) {
    const row = rows.at(index);
    if (row.kind !== "output" || row.spans.length === 0) continue;
    if (row.isError) errors.push(row);
    if (lastRows.length < SHOWN_LINES) lastRows.push(row);
  }
  return (errors.length > 0 ? errors : lastRows).toReversed();
}
