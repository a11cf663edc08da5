import * as z from "zod";
import { controlRequestSchema } from "./control.ts";
import { failureSchema, runIdSchema, RUN_STATUSES, SEVERITIES, slugSchema, TERMINAL_STATUSES } from "./event.ts";
import { LIMITS } from "./limits.ts";
import { MANIFEST_STATES } from "./proof/prove-archive.ts";
import { SIGNATURE_ALGORITHM } from "./proof/manifest.ts";
import { DAMAGE_REASONS } from "./proof/sequence-check.ts";

/** Bodies of the HTTP API. One schema validates, types and documents each. */

export const ROLES = ["viewer", "operator", "administrator"] as const;
export type Role = (typeof ROLES)[number];
export const principalSchema = z.object({ id: z.string(), name: z.string(), role: z.enum(ROLES) });
/** Who makes a request. */
export type Principal = z.infer<typeof principalSchema>;

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  request_id: z.string(),
  line: z.int().optional(),
  expected: z.int().optional(),
  /** What a streamed body had stored before it was refused. */
  stored: z
    .object({ first_sequence: z.int().nullable(), last_sequence: z.int().nullable(), accepted: z.int().min(0) })
    .optional(),
});
export type Problem = z.infer<typeof problemSchema>;

const instant = z.string().nullable();
const count = z.int().min(0).nullable();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const progressSchema = z.object({
  percent: z.number().nullable(),
  items_processed: z.number().nullable(),
  items_total: z.number().nullable(),
  message: z.string().nullable(),
});
export type Progress = z.infer<typeof progressSchema>;

export const labelsSchema = z.record(z.string().min(1).max(63), z.string().max(255));

/** The run, as every route and the workspace socket return it. Absent values are null; times are RFC 3339 UTC with milliseconds. */
export const runSchema = z.object({
  run_id: runIdSchema,
  workspace_id: slugSchema,
  workflow_id: z.string().nullable(),
  workflow_version: z.string().nullable(),
  name: z.string().nullable(),
  status: z.enum(RUN_STATUSES),
  parameters: z.record(z.string(), z.unknown()),
  labels: labelsSchema,
  pinned: z.boolean(),
  created_at: z.string(),
  started_at: instant,
  completed_at: instant,
  duration_ms: count,
  progress: progressSchema.nullable(),
  exit_code: z.int().nullable(),
  failure: failureSchema.nullable(),
  last_sequence: z.int().min(0),
  event_bytes: z.int().min(0),
  events_path: z.string().nullable(),
  output_paths: z.array(z.string()),
  logging_degraded: z.boolean(),
  incomplete: z.boolean(),
  stale: z.boolean(),
  table_count: count,
  row_count: count,
  input_file_count: count,
  max_validation_severity: z.enum(SEVERITIES).nullable(),
  watch_url: z.string(),
});
export type Run = z.infer<typeof runSchema>;

export const createRunSchema = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  workflow_id: slugSchema.optional(),
  workflow_version: z.string().min(1).max(100).optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
  labels: labelsSchema.optional(),
  lease_seconds: z.int().min(LIMITS.leaseSecondsMin).max(LIMITS.leaseSecondsMax).optional(),
  end_after_seconds: z.int().min(0).max(31_536_000).optional(),
});
export type CreateRun = z.infer<typeof createRunSchema>;

/** What is left out stays as it is; `labels` replaces all of them, a name of null takes it away. */
export const editRunSchema = z.strictObject({
  name: z.string().min(1).max(200).nullable().optional(),
  labels: labelsSchema.optional(),
  pinned: z.boolean().optional(),
});
export type EditRun = z.infer<typeof editRunSchema>;

export const runListSchema = z.object({ items: z.array(runSchema), next_cursor: z.string().nullable() });
export type RunList = z.infer<typeof runListSchema>;

/** Addresses to give away. `preview_url` and `badge_url` hold the run's key: whoever has it sees the run's name and how it stands. */
export const shareSchema = z.object({
  watch_url: z.url(),
  preview_url: z.url(),
  badge_url: z.url(),
  badge_markdown: z.string(),
});
export type Share = z.infer<typeof shareSchema>;

/** Of all runs of a workspace; `success_rate` and durations are those of ended runs, null while there is none. */
export const statsSchema = z.object({
  counts: z.record(z.enum(RUN_STATUSES), z.int().min(0)),
  total: z.int().min(0),
  /** Queued, building and running. */
  active: z.int().min(0),
  success_rate: z.number().min(0).max(1).nullable(),
  /** Of the runs that started and ended: the least duration that so many per cent of them do not exceed. */
  duration_ms: z.object({ p50: count, p95: count }),
  /** The last 30 days in UTC, oldest first, days without runs too. */
  runs_per_day: z.array(z.object({ day: z.string(), count: z.int().min(0) })),
  /** Those with the newest runs first. */
  workflows: z.array(
    z.object({
      workflow_id: slugSchema,
      total: z.int().min(1),
      last_run_id: runIdSchema,
      last_status: z.enum(RUN_STATUSES),
      last_created_at: z.string(),
    }),
  ),
});
export type Stats = z.infer<typeof statsSchema>;

const ARTIFACT_NAME = /^[^/\p{Cc}\p{Cs}]+$/u;

/** A name that can stand alone in a path and in a file system. */
export const artifactNameSchema = z
  .string()
  .min(1)
  .max(LIMITS.artifactNameChars)
  .regex(ARTIFACT_NAME, "holds no slash and no control character")
  .refine((name) => name !== "." && name !== "..", "is no name")
  // Said again, because the OpenAPI document's generator writes the flag into the pattern.
  .meta({ pattern: ARTIFACT_NAME.source });
export const artifactSchema = z.object({
  name: artifactNameSchema,
  bytes: z.int().min(0),
  media_type: z.string(),
  sha256: z.string(),
  created_at: z.string(),
});
export type Artifact = z.infer<typeof artifactSchema>;
export const artifactListSchema = z.object({ items: z.array(artifactSchema) });
export type ArtifactList = z.infer<typeof artifactListSchema>;

export const appendAnswerSchema = z.object({
  first_sequence: z.int().nullable(),
  last_sequence: z.int().nullable(),
  accepted: z.int().min(0),
  duplicate: z.boolean(),
  control: z.array(controlRequestSchema),
});
export type AppendAnswer = z.infer<typeof appendAnswerSchema>;

export const cancelSchema = z.strictObject({ reason: z.string().max(1000).optional() });
export const heartbeatAnswerSchema = z.object({ control: z.array(controlRequestSchema) });
export const eventPageSchema = z.object({
  items: z.array(z.record(z.string(), z.unknown())),
  next_after_sequence: z.int().min(0),
});
const sequenceRangeSchema = z.object({ first: z.int().min(1), last: z.int().min(1) });
/** What `POST …/verify` found in the stored log. */
export const proofSchema = z.object({
  complete: z.boolean(),
  events: z.int().min(0),
  sha256,
  gaps: z.array(sequenceRangeSchema),
  damaged: z.array(sequenceRangeSchema.extend({ reason: z.enum(DAMAGE_REASONS) })),
  /** What the log's `manifest.json` is worth, and whose signature it has. */
  manifest: z.enum(MANIFEST_STATES),
  signed_by: z.string().nullable(),
});
export type Proof = z.infer<typeof proofSchema>;
/** The key that manifests are signed with. */
export const signingKeySchema = z.object({
  algorithm: z.literal(SIGNATURE_ALGORITHM),
  /** The first 16 hex digits of the public key's SHA-256. */
  key_id: z.string(),
  /** base64url of the 32 bytes of RFC 8032. */
  public_key: z.string(),
});
export type SigningKey = z.infer<typeof signingKeySchema>;
/** How far it has come, where it is asked for as NDJSON; the proof is the last line. */
export const verifyProgressSchema = z.object({
  op: z.literal("progress"),
  events: z.int().min(0),
  bytes: z.int().min(0),
});
/** What is said after the last line, on a socket as `end` and in `event: end`. */
export const endDataSchema = z.object({
  status: z.enum(TERMINAL_STATUSES),
  last_sequence: z.int().min(0),
  /** Of all lines with their newlines; null when the stored log is not whole. A server of the first days does not say it. */
  sha256: sha256.nullable().optional(),
});

export const signInSchema = z.strictObject({
  token: z.string().min(1).max(500),
  name: z.string().min(1).max(80).optional(),
});
export const healthSchema = z.object({ status: z.literal("ok"), version: z.string() });
export const workspaceSchema = z.object({ workspace_id: slugSchema, name: z.string(), created_at: z.string() });
export type Workspace = z.infer<typeof workspaceSchema>;
export const createWorkspaceSchema = z.strictObject({ name: z.string().min(1).max(200).optional() });
export const workspaceListSchema = z.object({ items: z.array(workspaceSchema) });
