import type { Context } from "hono";
import { decideEdit, detailsOf } from "../core/run/edits.ts";
import type { EditCommand } from "../core/run/commands.ts";
import type { IndexedRun, StoredRun } from "../core/ports.ts";
import type { EditRun } from "../protocol/api.ts";
import type { Refusal } from "../protocol/error-code.ts";
import { errorText, logError } from "../storage/server-log.ts";
import type { App } from "./app-context.ts";
import { detailsTag, type IfMatch } from "./details-tag.ts";
import { currentRun, indexOf } from "./known-runs.ts";
import { runObject, workspaceObject } from "./objects.ts";

export type Editing =
  | { kind: "edited"; run: StoredRun }
  | { kind: "unknown" }
  | { kind: "refused"; refusal: Refusal }
  /** Others edited it each time we had read it. */
  | { kind: "contended" };

/** Between reading a row and changing it others may come first; so often it is read again. */
const MOST_ATTEMPTS = 5;

/** Edits a run, whose row has just been read, where it lives: in its object, and once that is emptied in D1 alone. [EDIT1] [EDIT3] */
export async function editRun(
  c: Context<App>,
  row: IndexedRun,
  change: EditRun,
  ifMatch: Exclude<IfMatch, { kind: "unreadable" }>,
): Promise<Editing> {
  const command: EditCommand = { change, expected: null };
  if (ifMatch.kind === "tags") {
    const run = await currentRun(c, row);
    if (run === null) return { kind: "unknown" };
    // What was read is what the object compares: nobody can come between this look and the edit. [EDIT2]
    command.expected = detailsOf(run);
    if (!ifMatch.tags.includes(await detailsTag(run))) {
      const detail = "the run was edited since you read it: read it again, and send its new ETag as If-Match";
      return { kind: "refused", refusal: { code: "PRECONDITION_FAILED", detail } };
    }
  }
  const { run_id: runId } = row.run;
  const outcome = await runObject(c.env, runId).edit(command);
  // Not with the row that was read before: the object may have put an edit of its own into D1 since. [EDIT1]
  return outcome.kind === "unknown" ? editArchived(c, runId, command) : outcome;
}

async function editArchived(c: Context<App>, runId: string, command: EditCommand): Promise<Editing> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const row = await indexOf(c).get(runId);
    if (row === null) return { kind: "unknown" };
    const decision = decideEdit(detailsOf(row.run), command);
    if (decision.kind === "refused") return decision;
    if (decision.kind === "unchanged") return { kind: "edited", run: row.run };
    if (await indexOf(c).edit(runId, decision.details, row.revision)) {
      const run = { ...row.run, ...decision.details };
      await tellWorkspace(c, run, row.revision + 1);
      return { kind: "edited", run };
    }
  }
  return { kind: "contended" };
}

/** The edit is made; who looks on learns of it now, or with the next look at the list. */
async function tellWorkspace(c: Context<App>, run: StoredRun, revision: number): Promise<void> {
  try {
    await workspaceObject(c.env, run.workspace_id).publish(run, revision);
  } catch (error) {
    logError("the live list was not told of an edit", { run_id: run.run_id, error: errorText(error) });
  }
}
