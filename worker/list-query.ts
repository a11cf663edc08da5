import { z } from "zod";
import type { RunQuery } from "../core/ports.ts";
import { RUN_STATUSES, runIdSchema, SEVERITIES, slugSchema, type RunStatus } from "../protocol/event.ts";
import { parseInstant } from "../protocol/instant.ts";
import { LIMITS } from "../protocol/limits.ts";
import { decodeCursor } from "../storage/run-filter.ts";
import { repeatable } from "./parameters.ts";

/** The query of a list of runs, as the address bar has it. */

const DEFAULT_LIMIT = 50;

/** What other tools call a status. Accepted in filters, never said. */
const STATUS_ALIASES = { completed: "succeeded", canceled: "cancelled" } as const;
const statusSchema = z
  .enum([...RUN_STATUSES, "completed", "canceled"])
  .transform((status): RunStatus =>
    status === "completed" || status === "canceled" ? STATUS_ALIASES[status] : status,
  );

const labelSchema = z
  .string()
  .regex(/^[^:]+:/, "must be key:value")
  .transform((text) => ({ key: text.slice(0, text.indexOf(":")), value: text.slice(text.indexOf(":") + 1) }));

/** In UTC to the millisecond, as D1 compares it. */
const instantSchema = z.string().transform((text, context) => {
  const at = parseInstant(text);
  if (at !== null) return new Date(at).toISOString();
  context.addIssue({ code: "custom", message: "must be an RFC 3339 time with its offset" });
  return z.NEVER;
});

const truthSchema = z
  .enum(["true", "false"])
  .transform((text) => text === "true")
  .optional();

export const listQuerySchema = z.object({
  status: repeatable(statusSchema),
  workflow_id: slugSchema.optional(),
  label: repeatable(labelSchema),
  pinned: truthSchema,
  stale: truthSchema,
  q: z.string().max(200).optional(),
  created_after: instantSchema.optional(),
  created_before: instantSchema.optional(),
  max_validation_severity: z.enum(SEVERITIES).optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, `must be 1 to ${LIMITS.listRuns}`)
    .transform(Number)
    .pipe(z.int().min(1).max(LIMITS.listRuns))
    .optional(),
  cursor: z
    .string()
    .refine((text) => isCursor(text), "is not a cursor that a list gave")
    .optional(),
});

function isCursor(text: string): boolean {
  const position = decodeCursor(text);
  return (
    position !== null && parseInstant(position.createdAt) !== null && runIdSchema.safeParse(position.runId).success
  );
}

/** The query in the core's words. What was not asked for is not there. */
export function toRunQuery(workspaceId: string, query: z.output<typeof listQuerySchema>): RunQuery {
  return {
    workspaceId,
    ...(query.status && { statuses: query.status }),
    ...(query.workflow_id !== undefined && { workflowId: query.workflow_id }),
    ...(query.label && { labels: query.label }),
    ...(query.pinned !== undefined && { pinned: query.pinned }),
    ...(query.stale !== undefined && { stale: query.stale }),
    // Blanks ask for nothing in particular.
    ...(query.q?.trim() && { q: query.q }),
    ...(query.created_after !== undefined && { createdAfter: query.created_after }),
    ...(query.created_before !== undefined && { createdBefore: query.created_before }),
    ...(query.max_validation_severity && { maxValidationSeverity: query.max_validation_severity }),
    limit: query.limit ?? DEFAULT_LIMIT,
    ...(query.cursor !== undefined && { cursor: query.cursor }),
  };
}
