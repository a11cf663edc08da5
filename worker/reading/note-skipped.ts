import type { Context } from "hono";
import type { StoredRun } from "../../core/ports.ts";
import type { Skipped } from "../../core/reading/skipped-lines.ts";
import { errorText, logError, logSkipped } from "../../storage/server-log.ts";
import type { App } from "../app-context.ts";
import { indexOf } from "../known-runs.ts";

/** Says that a reader of the run had to leave lines out: in the server's log, and in the operator's numbers. */
export const noteSkipped =
  (c: Context<App>, run: StoredRun) =>
  (skipped: Skipped): void => {
    const facts = { request_id: c.get("requestId"), run_id: run.run_id, workspace_id: run.workspace_id };
    logSkipped("line", { ...facts, ...skipped });
    // The reader does not wait for it.
    const noted = indexOf(c)
      .noteSkipped(run.run_id, skipped.lines)
      .catch((error: unknown) =>
        logError("lines that were skipped are not counted", { ...facts, error: errorText(error) }),
      );
    c.executionCtx.waitUntil(noted);
  };
