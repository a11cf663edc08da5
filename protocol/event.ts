import * as z from "zod";
import { LIMITS } from "./limits.ts";
import { TERMINAL_STATUSES } from "./run-status.ts";
import { SEVERITIES } from "./severity.ts";

/** `[a-z0-9][a-z0-9-]{0,39}`: workspaces and workflows are named by their slug. */
export const slugSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "must be a slug: [a-z0-9][a-z0-9-]{0,39}");
export const runIdSchema = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, "must be a lower-case UUIDv7");

export const EVENT_TYPE = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/;
export const eventTypeSchema = z
  .string()
  .max(LIMITS.typeChars)
  .regex(EVENT_TYPE, "must be dotted lower case, as in step.started");

/** One line of the log, as every reader gets it. */
export const runEventSchema = z.object({
  sequence: z.int().min(1),
  type: eventTypeSchema,
  created_at: z.iso.datetime({ precision: 3 }),
  source: z.string().optional(),
  step: z.string().optional(),
  payload: z.record(z.string(), z.unknown()),
});
export type RunEvent = z.infer<typeof runEventSchema>;

/** Only the server writes these; from a producer they are refused. */
export const RESERVED_TYPES: ReadonlySet<string> = new Set([
  "run.queued",
  "artifact.created",
  "control.requested",
  "producer.lost",
  "producer.returned",
  "log.degraded",
  "log.recovered",
]);

const record = z.record(z.string(), z.unknown());
const text = z.string();
const count = z.int().min(0);
const finite = z.number();
const instant = z.iso.datetime({ offset: true });

export const failureSchema = z.object({ code: text, stage: text.optional(), message: text });
export type Failure = z.infer<typeof failureSchema>;

// Their home is where no zod is loaded with them: the page and the command line fold lines without it.
export { isTerminal, RUN_STATUSES, TERMINAL_STATUSES, type RunStatus, type TerminalStatus } from "./run-status.ts";
export { SEVERITIES } from "./severity.ts";

/** From the least to the most severe. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * What the payload of a known type must hold. Required fields are there, listed ones have their type and range, unknown ones are kept.
 * `run.completed` is what a producer may send; the server writes the rest of it.
 */
export const payloadSchemas = {
  "run.queued": z.looseObject({
    workflow_id: text.optional(),
    workflow_version: text.optional(),
    name: text.optional(),
    parameters: record,
    queued_by: text.optional(),
    lease_seconds: finite.optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  "build.started": z.looseObject({ reason: text.optional() }),
  "build.completed": z.looseObject({ status: text, duration_ms: finite.optional(), exit_code: z.int().optional() }),
  "run.started": z.looseObject({
    command: z.union([text, z.array(text)]).optional(),
    host: text.optional(),
    pid: count.optional(),
    git: z.union([text, record]).optional(),
  }),
  "run.progress": z
    .looseObject({
      percent: finite.min(0).max(100).optional(),
      items_processed: finite.min(0).optional(),
      items_total: finite.min(0).optional(),
      message: text.optional(),
    })
    .refine(
      (progress) =>
        progress.items_processed === undefined ||
        progress.items_total === undefined ||
        progress.items_processed <= progress.items_total,
      { message: "items_processed is more than items_total", path: ["items_processed"] },
    ),
  "step.started": z.looseObject({ name: text, parent: text.optional() }),
  "step.completed": z.looseObject({
    status: z.enum(["succeeded", "failed", "skipped"]),
    duration_ms: finite.min(0).optional(),
    exit_code: z.int().optional(),
  }),
  "console.line": z.looseObject({
    stream: z.enum(["stdout", "stderr"]),
    message: text,
    level: z.enum(LOG_LEVELS).optional(),
    partial: z.boolean().optional(),
  }),
  "metric.recorded": z.looseObject({ name: text, value: finite, unit: text.optional(), at: finite.optional() }),
  "run.validation.issue": z.looseObject({
    severity: z.enum(SEVERITIES),
    code: text,
    message: text,
    file: text.optional(),
    line: count.optional(),
    column: count.optional(),
    field: text.optional(),
    row: count.optional(),
  }),
  "run.table.summary": z.looseObject({
    table_id: text,
    row_count: count,
    column_count: count.optional(),
    source_file: text.optional(),
  }),
  "run.error": z.looseObject({ code: text, message: text, stage: text.optional(), details: z.unknown().optional() }),
  "artifact.created": z.looseObject({ name: text, bytes: count, media_type: text, sha256: text }),
  "control.requested": z.looseObject({
    control_id: text,
    action: z.enum(["cancel", "approve", "reject", "input"]),
    by: text,
    reason: text.optional(),
  }),
  "control.acknowledged": z.looseObject({ control_id: text, outcome: text }),
  "producer.lost": z.looseObject({ last_sequence: count, since: instant }),
  "producer.returned": z.looseObject({ last_sequence: count, since: instant }),
  "log.degraded": z.looseObject({ part: z.enum(["archive", "index"]), since: instant }),
  "log.recovered": z.looseObject({ part: z.enum(["archive", "index"]), since: instant }),
  "run.completed": z.looseObject({
    status: z.enum(TERMINAL_STATUSES),
    exit_code: z.int().nullable().optional(),
    failure: failureSchema.nullable().optional(),
  }),
} as const;
export type KnownType = keyof typeof payloadSchemas;
export const isKnownType = (type: string): type is KnownType => Object.hasOwn(payloadSchemas, type);
