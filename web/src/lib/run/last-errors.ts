import type { LogLines } from "../console/log-lines.ts";
import { rowOf, type ConsoleRow } from "../console/console-row.ts";

const SHOWN_LINES = 8;
/** Programs often say what went wrong and then much else: look this far back from the end. */
const LOOK_BACK_LINES = 500;

type OutputRow = Extract<ConsoleRow, { kind: "output" }>;

/**
 * What a failed run said last: the last lines of its error output; if it wrote none, its last lines. Only lines that are here are looked at.
 */
export function lastErrorLines(log: LogLines): OutputRow[] {
  const errors: OutputRow[] = [];
  const lastRows: OutputRow[] = [];
  for (
    let sequence = log.head;
    sequence > Math.max(0, log.head - LOOK_BACK_LINES) && errors.length < SHOWN_LINES;
    sequence -= 1
  ) {
    const row = rowOf(log, sequence);
    if (row.kind !== "output" || row.spans.length === 0) continue;
    if (row.isError) errors.push(row);
    if (lastRows.length < SHOWN_LINES) lastRows.push(row);
  }
  return (errors.length > 0 ? errors : lastRows).toReversed();
}
