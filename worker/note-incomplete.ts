import type { StoredRun } from "../core/ports.ts";
import { D1RunIndex } from "../storage/d1-run-index.ts";
import { errorText, logError } from "../storage/server-log.ts";
import type { Env } from "./env.ts";
import { runObject, workspaceObject } from "./objects.ts";

/**
 * Keeps what a reader or a verification found of a run's stored log, where the run lives: in its object, and once that is emptied in D1. The reader is
 * served whatever comes of it. [DMG2]
 */
export async function noteIncomplete(env: Env, run: StoredRun, isIncomplete: boolean): Promise<void> {
  try {
    const held = await runObject(env, run.run_id).judge(isIncomplete);
    if (held.kind === "noted") return;
    const index = new D1RunIndex(env.DB);
    if (!(await index.setIncomplete(run.run_id, isIncomplete))) return;
    const row = await index.get(run.run_id);
    if (row !== null) await workspaceObject(env, run.workspace_id).publish(row.run, row.revision);
  } catch (error) {
    logError("what was found of a stored log was not kept", { run_id: run.run_id, error: errorText(error) });
  }
}
