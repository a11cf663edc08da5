import { z } from "zod";
import type { RunStats } from "../core/ports.ts";
import { RUN_STATUSES } from "../protocol/event.ts";
import { LIMITS } from "../protocol/limits.ts";
import { noCounts } from "./run-stats.ts";

/**
 * The numbers over a workspace's runs. Each statement reads a range of one index: counting needs every entry of the workspace, nothing else does
 * more. One batch, and so one moment. Casts, because a damaged column of one row must not cost the numbers of all.
 */
export function statsStatements(workspaceId: string, days: readonly string[]): { sql: string; params: unknown[] }[] {
  const ofDuration = "FROM runs WHERE workspace_id = ?1 AND duration_ms IS NOT NULL";
  // The place of the nearest rank, rounded up in whole numbers.
  const percentile = (percent: number): string =>
    `SELECT CAST(duration_ms AS INTEGER) AS duration_ms ${ofDuration} ORDER BY runs.duration_ms LIMIT 1
     OFFSET (SELECT max(0, (count(*) * ${percent} + 99) / 100 - 1) ${ofDuration})`;
  return [
    {
      sql: "SELECT status, count(*) AS count FROM runs WHERE workspace_id = ?1 GROUP BY status",
      params: [workspaceId],
    },
    { sql: percentile(50), params: [workspaceId] },
    { sql: percentile(95), params: [workspaceId] },
    {
      // An instant begins with its day, and `T` stands before `U`.
      sql: `SELECT (SELECT count(*) FROM runs WHERE workspace_id = ?1 AND created_at >= day.value AND created_at < day.value || 'U') AS count
        FROM json_each(?2) AS day ORDER BY day.key`,
      params: [workspaceId, JSON.stringify(days)],
    },
    {
      sql: `SELECT workflow.workflow_id, workflow.total, last.run_id, last.status, CAST(last.created_at AS TEXT) AS created_at
        FROM (SELECT workflow_id, count(*) AS total FROM runs WHERE workspace_id = ?1 AND workflow_id IS NOT NULL GROUP BY workflow_id) AS workflow
        JOIN runs AS last ON last.run_id = (
          SELECT run_id FROM runs WHERE workspace_id = ?1 AND workflow_id = workflow.workflow_id ORDER BY created_at DESC, run_id DESC LIMIT 1)
        ORDER BY last.created_at DESC, last.run_id DESC LIMIT ${LIMITS.statsWorkflows}`,
      params: [workspaceId],
    },
    {
      sql: "SELECT run_id, status, revision FROM runs WHERE workspace_id = ?1 AND status IN ('queued', 'building', 'running')",
      params: [workspaceId],
    },
  ];
}

const status = z.enum(RUN_STATUSES);
const countRows = z.array(z.object({ status, count: z.int() }));
const durationRows = z.array(z.object({ duration_ms: z.int() }));
const dayRows = z.array(z.object({ count: z.int() }));
const workflowRows = z.array(
  z.object({ workflow_id: z.string(), total: z.int(), run_id: z.string(), status, created_at: z.string() }),
);
const openRows = z.array(z.object({ run_id: z.string(), status, revision: z.int() }));

export async function readStats(database: D1Database, workspaceId: string, days: readonly string[]): Promise<RunStats> {
  const statements = statsStatements(workspaceId, days).map(({ sql, params }) => database.prepare(sql).bind(...params));
  const [byStatus, p50, p95, perDay, workflows, open] = (await database.batch(statements)).map(
    ({ results }) => results,
  );
  const counts = noCounts();
  for (const row of countRows.parse(byStatus)) counts[row.status] = row.count;
  return {
    counts,
    durationMs: {
      p50: durationRows.parse(p50)[0]?.duration_ms ?? null,
      p95: durationRows.parse(p95)[0]?.duration_ms ?? null,
    },
    perDay: dayRows.parse(perDay).map(({ count }) => count),
    workflows: workflowRows.parse(workflows).map(({ workflow_id, total, run_id, status: lastStatus, created_at }) => ({
      workflowId: workflow_id,
      total,
      last: { run_id, status: lastStatus, created_at },
    })),
    open: openRows
      .parse(open)
      .map(({ run_id, status: known, revision }) => ({ runId: run_id, status: known, revision })),
  };
}
