import type { Context } from "hono";
import type { Refusal } from "../protocol/error-code.ts";
import { isTerminal } from "../protocol/event.ts";
import { D1Artifacts } from "../storage/d1-artifacts.ts";
import { R2Artifacts } from "../storage/r2-artifacts.ts";
import { deleteRunFiles } from "../storage/r2-run-files.ts";
import type { App } from "./app-context.ts";
import { findRun, indexOf } from "./known-runs.ts";
import { runObject, workspaceObject } from "./objects.ts";

export type Deletion = { kind: "deleted" } | { kind: "unknown" } | { kind: "refused"; refusal: Refusal };

/**
 * Deletes an ended run and all that belongs to it. A server may die between any two steps: the run can be found until the last of them, and a
 * deletion that is asked for again goes through all of them again. [DEL1]
 */
export async function deleteRun(c: Context<App>, runId: string): Promise<Deletion> {
  const run = await findRun(c, runId);
  if (run === null) return { kind: "unknown" };
  const index = indexOf(c);
  // A deletion that broke off may have taken the object, and with it the only word of the run's end.
  if (!isTerminal(run.status) && !(await index.isBuried(runId))) {
    return { kind: "refused", refusal: { code: "RUN_OPEN", detail: `the run is ${run.status}; cancel it first` } };
  }
  // First of all: from now on no late write, whoever makes it, brings anything of the run back. [DEL2]
  await index.bury(runId);
  const erased = await runObject(c.env, runId).erase();
  if (erased.kind === "refused") return erased;

  const address = { workspaceId: run.workspace_id, runId };
  const files = new R2Artifacts(c.env.ARCHIVE, address);
  // Before the keys are listed: an upload that is aborted cannot become a key any more.
  for (const { name, uploadId } of await new D1Artifacts(c.env.DB).uploads(address)) {
    await files.abortUpload(name, uploadId);
  }
  await deleteRunFiles(c.env.ARCHIVE, address);
  await workspaceObject(c.env, run.workspace_id).remove(runId);
  await index.delete(runId);
  // Whoever came to stay while the archive still told of the run.
  await runObject(c.env, runId).erase();
  return { kind: "deleted" };
}
