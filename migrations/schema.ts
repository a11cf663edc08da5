import { sql, type SQL, type SQLWrapper } from "drizzle-orm";
import { check, index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/**
 * Every table of D1. It holds what lists and look-ups need; the log itself never comes here.
 * Instants of a run are RFC 3339 in UTC with milliseconds, so that their text sorts as they do; bookkeeping instants (`…_at_ms`) are epoch milliseconds.
 */

export const workspaces = sqliteTable("workspaces", {
  workspaceId: text("workspace_id").primaryKey(),
  name: text("name").notNull(),
  createdAt: text("created_at").notNull(),
});

/**
 * One row a run: a projection of what its object decided, written on changes of status only. A row changes only to a greater `revision`.
 * JSON columns are plain text and are judged when read, so that one damaged row cannot hide its neighbours.
 */
export const runs = sqliteTable(
  "runs",
  {
    runId: text("run_id").primaryKey(),
    workspaceId: text("workspace_id")
      .notNull()
      .references(() => workspaces.workspaceId),
    workflowId: text("workflow_id"),
    workflowVersion: text("workflow_version"),
    name: text("name"),
    /** The name as the text filter compares it: folded, its words parted by single spaces, a space in front. */
    searchName: text("search_name").notNull(),
    status: text("status").notNull(),
    parameters: text("parameters").notNull(),
    labels: text("labels").notNull(),
    pinned: integer("pinned").notNull(),
    createdAt: text("created_at").notNull(),
    startedAt: text("started_at"),
    completedAt: text("completed_at"),
    durationMs: integer("duration_ms"),
    progress: text("progress"),
    exitCode: integer("exit_code"),
    failure: text("failure"),
    lastSequence: integer("last_sequence").notNull(),
    eventBytes: integer("event_bytes").notNull(),
    eventsPath: text("events_path"),
    outputPaths: text("output_paths").notNull(),
    loggingDegraded: integer("logging_degraded").notNull(),
    incomplete: integer("incomplete").notNull(),
    stale: integer("stale").notNull(),
    tableCount: integer("table_count"),
    rowCount: integer("row_count"),
    inputFileCount: integer("input_file_count"),
    maxValidationSeverity: text("max_validation_severity"),
    summary: text("summary"),
    revision: integer("revision").notNull(),
    /** Batches of producers that its log holds. */
    appends: integer("appends").notNull().default(0),
    /** The most lines that a reader of its log had to leave out. */
    skippedLines: integer("skipped_lines").notNull().default(0),
  },
  (run) => [
    check("runs_status", sql`${run.status} IN ('queued', 'building', 'running', 'succeeded', 'failed', 'cancelled')`),
    // Each begins with what a list always names and ends with the order of the list, so that a page is read without sorting.
    index("runs_by_time").on(run.workspaceId, run.createdAt, run.runId),
    index("runs_by_status").on(run.workspaceId, run.status, run.createdAt, run.runId),
    index("runs_by_workflow").on(run.workspaceId, run.workflowId, run.createdAt, run.runId),
    index("runs_by_severity").on(run.workspaceId, run.maxValidationSeverity, run.createdAt, run.runId),
    // For percentiles: an ended run's place among all of the workspace is its offset here.
    index("runs_by_duration")
      .on(run.workspaceId, run.durationMs)
      .where(sql`${run.durationMs} IS NOT NULL`),
    index("runs_pinned")
      .on(run.workspaceId, run.createdAt, run.runId)
      .where(sql`${run.pinned} = 1`),
    // Empty unless something is damaged: counting what is costs no look at the rows.
    index("runs_unreadable").on(run.workspaceId).where(isUnreadable(run)),
  ],
);

/** A row with a column that is no JSON: it is left out of every list. Of `NULL` nothing is said. */
export function isUnreadable(run: Record<JsonColumn, SQLWrapper>): SQL {
  return sql`NOT (json_valid(${run.parameters}) AND json_valid(${run.labels}) AND json_valid(${run.outputPaths}) AND json_valid(${run.progress}) AND json_valid(${run.failure}) AND json_valid(${run.summary}))`;
}
type JsonColumn = "parameters" | "labels" | "outputPaths" | "progress" | "failure" | "summary";

/** Runs that were deleted. A late write from a run's object finds its id here and does nothing. */
export const deletedRuns = sqliteTable("deleted_runs", {
  runId: text("run_id").primaryKey(),
  deletedAtMs: integer("deleted_at_ms").notNull(),
});

/**
 * The files of runs. A row is claimed by the one upload that may become the artifact, just before it does; `upload_id` is null once it has. Only
 * then it is shown.
 */
export const artifacts = sqliteTable(
  "artifacts",
  {
    runId: text("run_id").notNull(),
    name: text("name").notNull(),
    bytes: integer("bytes").notNull(),
    mediaType: text("media_type").notNull(),
    sha256: text("sha256").notNull(),
    createdAt: text("created_at").notNull(),
    uploadId: text("upload_id"),
    claimedAtMs: integer("claimed_at_ms").notNull(),
  },
  (artifact) => [primaryKey({ columns: [artifact.runId, artifact.name] })],
);

/** Uploads to R2 that are under way, or were when their server died: what a clean-up has to abort, and a deletion. */
export const artifactUploads = sqliteTable(
  "artifact_uploads",
  {
    runId: text("run_id").notNull(),
    uploadId: text("upload_id").notNull(),
    workspaceId: text("workspace_id").notNull(),
    name: text("name").notNull(),
    startedAtMs: integer("started_at_ms").notNull(),
  },
  (upload) => [
    primaryKey({ columns: [upload.runId, upload.uploadId] }),
    index("artifact_uploads_by_age").on(upload.startedAtMs),
  ],
);

/** Who may come in. `hash` is the SHA-256 of the token in lower-case hex; the token itself is nowhere. */
export const tokens = sqliteTable(
  "tokens",
  {
    id: text("id").primaryKey(),
    name: text("name").notNull(),
    role: text("role").notNull(),
    hash: text("hash").notNull().unique("tokens_hash"),
  },
  (token) => [check("tokens_role", sql`${token.role} IN ('viewer', 'operator', 'administrator')`)],
);

/** A browser that signed in. It ends with its token, at sign-out, or at `expires_at_ms`. `hash` is that of the cookie's value. */
export const sessions = sqliteTable(
  "sessions",
  {
    hash: text("hash").primaryKey(),
    tokenId: text("token_id")
      .notNull()
      .references(() => tokens.id, { onDelete: "cascade" }),
    name: text("name"),
    expiresAtMs: integer("expires_at_ms").notNull(),
  },
  (session) => [index("sessions_by_token").on(session.tokenId), index("sessions_by_expiry").on(session.expiresAtMs)],
);

/** Attempts to sign in from one address within its present window. */
export const signInAttempts = sqliteTable(
  "sign_in_attempts",
  {
    address: text("address").primaryKey(),
    spent: integer("spent").notNull(),
    windowEndsAtMs: integer("window_ends_at_ms").notNull(),
  },
  (attempt) => [index("sign_in_attempts_by_end").on(attempt.windowEndsAtMs)],
);

/** Which run a key made, for as long as a repeat of it is recognised. `fingerprint` is the SHA-256 of the request it came with. */
export const idempotencyKeys = sqliteTable(
  "idempotency_keys",
  {
    principalId: text("principal_id").notNull(),
    key: text("key").notNull(),
    fingerprint: text("fingerprint").notNull(),
    runId: text("run_id").notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
  },
  (row) => [
    primaryKey({ columns: [row.principalId, row.key] }),
    index("idempotency_keys_by_age").on(row.createdAtMs),
    index("idempotency_keys_by_run").on(row.runId),
  ],
);
