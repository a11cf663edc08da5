import type { Context } from "hono";
import type { IndexedRun, RunQuery, StoredRun } from "../core/ports.ts";
import { toWireRun as wireRunFrom } from "../core/run/wire-run.ts";
import type { Run } from "../protocol/api.ts";
import { isTerminal } from "../protocol/event.ts";
import { D1RunIndex } from "../storage/d1-run-index.ts";
import { matchesQuery } from "../storage/run-filter.ts";
import { errorText, logError } from "../storage/server-log.ts";
import type { App } from "./app-context.ts";
import { runObject, workspaceObject } from "./objects.ts";
import type { LiveStatus } from "./workspace-stats.ts";

/** Where a run is asked for: an ended one in D1 alone, an open one in its object. */

/** The run as the API gives it: with the address one watches it at. */
export const toWireRun = (c: Context<App>, run: StoredRun): Run => wireRunFrom(run, new URL(c.req.url).origin);

export const indexOf = (c: Context<App>): D1RunIndex => new D1RunIndex(c.env.DB);

/** How the run stands now, or null when there is none. */
export async function findRun(c: Context<App>, runId: string): Promise<StoredRun | null> {
  const row = await indexOf(c).get(runId);
  return row === null ? null : currentRun(c, row);
}

/** The same of a run whose row has just been read. */
export async function currentRun(c: Context<App>, { run }: IndexedRun): Promise<StoredRun | null> {
  if (isTerminal(run.status)) return run;
  const described = await runObject(c.env, run.run_id).describe();
  if (described.kind === "run") return described.run;
  // It ended and was archived between the two questions.
  return (await indexOf(c).get(run.run_id))?.run ?? null;
}

/** A page of runs, with what moves all the time laid over the open ones. */
export async function listRuns(
  c: Context<App>,
  query: RunQuery,
): Promise<{ runs: StoredRun[]; nextCursor: string | null; skipped: number }> {
  const { items, nextCursor, skipped } = await indexOf(c).list(query);
  const openIds = items.filter(({ run }) => !isTerminal(run.status)).map(({ run }) => run.run_id);
  const liveById = openIds.length === 0 ? new Map<string, IndexedRun>() : await liveRuns(c, query.workspaceId, openIds);
  const runs = items.map((item) => {
    const live = liveById.get(item.run.run_id);
    return live !== undefined && live.revision >= item.revision ? live.run : item.run;
  });
  // A status may have moved on since D1 was written: such a run does not belong to this list any more.
  return { runs: runs.filter((run) => matchesQuery(run, query)), nextCursor, skipped };
}

const liveRuns = async (
  c: Context<App>,
  workspaceId: string,
  runIds: readonly string[],
): Promise<Map<string, { run: StoredRun; revision: number }>> => {
  const live = await askLiveList(c, workspaceId, (object) => object.liveRuns(runIds));
  return new Map(live.map((row) => [row.run.run_id, row]));
};

/** How the open runs stand by now. */
export const liveStatuses = (c: Context<App>, workspaceId: string): Promise<LiveStatus[]> =>
  askLiveList(c, workspaceId, (object) => object.liveStatuses());

async function askLiveList<Row>(
  c: Context<App>,
  workspaceId: string,
  ask: (object: ReturnType<typeof workspaceObject>) => Promise<Row[]>,
): Promise<Row[]> {
  try {
    return await ask(workspaceObject(c.env, workspaceId));
  } catch (error) {
    // Without it the answer is a moment behind in what moves, and right in everything else.
    logError("the live list cannot be asked; D1 alone is shown", {
      request_id: c.get("requestId"),
      workspace_id: workspaceId,
      error: errorText(error),
    });
    return [];
  }
}
