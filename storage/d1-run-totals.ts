import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { z } from "zod";
import { isUnreadable, runs } from "../migrations/schema.ts";
import { RUN_STATUSES } from "../protocol/event.ts";

/** What the runs of one workspace and status add up to, as D1 knows them: right about ended runs, late about open ones. */
const totalsSchema = z.array(
  z.object({
    workspace_id: z.string(),
    status: z.enum(RUN_STATUSES),
    runs: z.int(),
    events: z.int(),
    bytes: z.int(),
    appends: z.int(),
    incomplete: z.int(),
    skipped_lines: z.int(),
  }),
);
export type RunTotals = z.infer<typeof totalsSchema>[number];

/** Reads each row once: for an operator's look, not for every request. Casts, because one damaged column must not cost the numbers of all. */
export async function readRunTotals(database: D1Database): Promise<RunTotals[]> {
  const { results } = await database
    .prepare(
      `SELECT workspace_id, status, count(*) AS runs,
        sum(CAST(last_sequence AS INTEGER)) AS events, sum(CAST(event_bytes AS INTEGER)) AS bytes,
        sum(CAST(appends AS INTEGER)) AS appends, sum(CAST(incomplete AS INTEGER)) AS incomplete,
        sum(CAST(skipped_lines AS INTEGER)) AS skipped_lines
      FROM runs GROUP BY workspace_id, status`,
    )
    .all();
  return totalsSchema.parse(results);
}

const unreadableSchema = z.array(z.object({ workspace_id: z.string(), rows: z.int() }));

/** How many rows of each workspace no list can show, counted in an index that holds nothing else. */
export async function countUnreadableRows(database: D1Database): Promise<Map<string, number>> {
  const counted = unreadableSchema.parse(await unreadableStatement(database));
  return new Map(counted.map(({ workspace_id, rows }) => [workspace_id, rows]));
}

/** The statement of `countUnreadableRows`, not yet run. */
export const unreadableStatement = (database: D1Database) =>
  drizzle(database)
    .select({ workspace_id: runs.workspaceId, rows: sql<number>`count(*)` })
    .from(runs)
    .where(isUnreadable(runs))
    .groupBy(runs.workspaceId);
