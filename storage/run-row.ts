import { z } from "zod";
import type { IndexedRun, StoredRun } from "../core/ports.ts";
import type { Details } from "../core/run/edits.ts";
import type { runs } from "../migrations/schema.ts";
import { summarySchema } from "../protocol/summary.ts";
import { foldText } from "./run-filter.ts";
import { objectText, storedRunSchema } from "./stored-run.ts";

/** The run as a row of D1, and back. */

export type RunRow = typeof runs.$inferSelect;

/** One column that holds JSON. Text that is not JSON is an issue of that column, not an exception. */
const jsonText = z.string().transform((text, context) => {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : "is not JSON" });
    return z.NEVER;
  }
});

/** A column that came back as something else than it was written as is damage, and is refused here. */
const flag = z.union([z.literal(0), z.literal(1)]).transform((value) => value === 1);

const rowSchema = z
  .object({
    parameters: objectText,
    labels: jsonText,
    outputPaths: jsonText,
    failure: jsonText.nullable(),
    progress: jsonText.nullable(),
    pinned: flag,
    loggingDegraded: flag,
    incomplete: flag,
    stale: flag,
  })
  .loose();

/** The columns that people may change. */
export const detailsToRow = ({ name, labels, pinned }: Details) => ({
  name,
  searchName: foldText(name ?? ""),
  labels: JSON.stringify(labels),
  pinned: Number(pinned),
});

export function runToRow({ run, revision, summary, appends }: IndexedRun): RunRow {
  return {
    runId: run.run_id,
    workspaceId: run.workspace_id,
    workflowId: run.workflow_id,
    workflowVersion: run.workflow_version,
    ...detailsToRow(run),
    status: run.status,
    parameters: run.parameters,
    createdAt: run.created_at,
    startedAt: run.started_at,
    completedAt: run.completed_at,
    durationMs: run.duration_ms,
    progress: run.progress && JSON.stringify(run.progress),
    exitCode: run.exit_code,
    failure: run.failure && JSON.stringify(run.failure),
    lastSequence: run.last_sequence,
    eventBytes: run.event_bytes,
    eventsPath: run.events_path,
    outputPaths: JSON.stringify(run.output_paths),
    loggingDegraded: Number(run.logging_degraded),
    incomplete: Number(run.incomplete),
    stale: Number(run.stale),
    tableCount: run.table_count,
    rowCount: run.row_count,
    inputFileCount: run.input_file_count,
    maxValidationSeverity: run.max_validation_severity,
    summary: summary && JSON.stringify(summary),
    revision,
    appends,
    skippedLines: summary?.skipped_lines ?? 0,
  };
}

export type Decoded<T> = { kind: "decoded"; value: T } | { kind: "damaged"; reason: string };

/** The run of a row, or what is wrong with the row. Never throws. */
export function rowToRun(row: Omit<RunRow, "summary">): Decoded<StoredRun> {
  const columns = rowSchema.safeParse(row);
  if (!columns.success) return { kind: "damaged", reason: z.prettifyError(columns.error) };
  const { parameters, labels, outputPaths, failure, progress, pinned, loggingDegraded, incomplete, stale } =
    columns.data;
  const run = storedRunSchema.safeParse({
    run_id: row.runId,
    workspace_id: row.workspaceId,
    workflow_id: row.workflowId,
    workflow_version: row.workflowVersion,
    name: row.name,
    status: row.status,
    parameters,
    labels,
    pinned,
    created_at: row.createdAt,
    started_at: row.startedAt,
    completed_at: row.completedAt,
    duration_ms: row.durationMs,
    progress,
    exit_code: row.exitCode,
    failure,
    last_sequence: row.lastSequence,
    event_bytes: row.eventBytes,
    events_path: row.eventsPath,
    output_paths: outputPaths,
    logging_degraded: loggingDegraded,
    incomplete,
    stale,
    table_count: row.tableCount,
    row_count: row.rowCount,
    input_file_count: row.inputFileCount,
    max_validation_severity: row.maxValidationSeverity,
  });
  return run.success ? { kind: "decoded", value: run.data } : { kind: "damaged", reason: z.prettifyError(run.error) };
}

/** The summary of a row; a run that has none yet has null. */
export function rowToSummary(text: string | null): Decoded<IndexedRun["summary"]> {
  const summary = jsonText.pipe(summarySchema).nullable().safeParse(text);
  return summary.success
    ? { kind: "decoded", value: summary.data }
    : { kind: "damaged", reason: z.prettifyError(summary.error) };
}
