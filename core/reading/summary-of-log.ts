import { parseLine } from "../../protocol/ndjson.ts";
import { foldSummary, newSummary, summaryForEmbedding, summarySchema, type Summary } from "../../protocol/summary.ts";
import type { LogWindow } from "../ports.ts";
import { isDamageMark } from "./damage.ts";
import { windowLines } from "./read-log.ts";

/** How an ended run ended: what a fold lacks whose last line is damaged. */
export type KnownEnd = Pick<
  Summary,
  "status" | "exit_code" | "failure" | "started_at" | "completed_at" | "duration_ms"
> & { last_sequence: number };

/**
 * The summary of an ended run from its log alone: its last line holds it; where that is damaged it is folded anew from the lines that can be read.
 * `linesAfter` gives mended windows. [SUM11]
 */
export async function summaryOfLog(
  linesAfter: (sequence: number) => AsyncIterable<LogWindow>,
  end: KnownEnd,
): Promise<Summary> {
  let lastLine = "";
  for await (const window of linesAfter(end.last_sequence - 1))
    for (const { line } of windowLines(window)) lastLine = line;
  const embedded = summarySchema.safeParse(parseLine(lastLine)?.payload["summary"]);
  if (embedded.success) return embedded.data;
  const summary = newSummary();
  for await (const window of linesAfter(0))
    for (const { line } of windowLines(window)) foldSummary(summary, isDamageMark(line) ? null : parseLine(line));
  const { status, exit_code, failure, started_at, completed_at, duration_ms } = end;
  return summaryForEmbedding({ ...summary, status, exit_code, failure, started_at, completed_at, duration_ms });
}
