import type { Context } from "hono";
import type { StoredRun } from "../../core/ports.ts";
import { LogMissing } from "../../core/reading/read-log.ts";
import { summaryOfLog } from "../../core/reading/summary-of-log.ts";
import type { Summary } from "../../protocol/summary.ts";
import type { App } from "../app-context.ts";
import { logOf } from "./answer-run.ts";

/** The summary of an ended run whose row has none that can be read; null when its log is gone as well. [SUM11] */
export async function summaryFromLog(c: Context<App>, run: StoredRun): Promise<Summary | null> {
  const log = logOf(c, run);
  try {
    return await summaryOfLog((sequence) => log.windows(sequence), run);
  } catch (error) {
    if (error instanceof LogMissing) return null;
    throw error;
  }
}
