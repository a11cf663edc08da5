import { z } from "zod";
import { RUN_STATUSES } from "../protocol/event.ts";

/** What the runs of one workspace and status add up to, as D1 knows them: right about ended runs, late about open ones. */
const totalsSchema = z.array(
  z.object({
    workspace_id: z.string(),
    status: z.enum(RUN_STATUSES),
    runs: z.int(),
    events: z.int(),
    bytes: z.int(),
  }),
);
export type RunTotals = z.infer<typeof totalsSchema>[number];

/** Reads each row once: for an operator's look, not for every request. Casts, because one damaged column must not cost the numbers of all. */
export async function readRunTotals(database: D1Database): Promise<RunTotals[]> {
  const { results } = await database
    .prepare(
      `SELECT workspace_id, status, count(*) AS runs,
        sum(CAST(last_sequence AS INTEGER)) AS events, sum(CAST(event_bytes AS INTEGER)) AS bytes
      FROM runs GROUP BY workspace_id, status`,
    )
    .all();
  return totalsSchema.parse(results);
}
