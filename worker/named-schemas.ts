import { z } from "@hono/zod-openapi";
import { problemSchema } from "../protocol/api.ts";
import { ERROR_CODES } from "../protocol/error-code.ts";
import { eventTypeSchema, runEventSchema } from "../protocol/event.ts";

/** Shapes that the document names once and refers to. */

export const namedProblemSchema = problemSchema
  .extend({ code: z.enum(Object.keys(ERROR_CODES)) })
  .openapi("Problem", { description: "A refusal (RFC 9457). `line` and `expected` are there where they apply" });

export const namedEventSchema = runEventSchema
  .extend({
    event_id: z.string().optional(),
    run_id: z.string().optional(),
    workspace_id: z.string().optional(),
    workflow_id: z.string().nullable().optional(),
    schema: z.string().optional(),
  })
  .openapi("Event", {
    description: "One line of a log. The last five fields are there with `envelope=full` only",
    example: {
      sequence: 7,
      type: "console.line",
      created_at: "2026-11-21T02:30:00.123Z",
      source: "cli",
      step: "build",
      payload: { stream: "stdout", message: "ok" },
    },
  });

/** An event as a producer sends it. `judge-event.ts` judges it with the payload schemas of its type. */
export const namedSentEventSchema = z
  .looseObject({
    type: eventTypeSchema,
    created_at: z.iso.datetime({ offset: true }).optional().describe("When it happened; else the time of receipt"),
    source: z.string().nullable().optional(),
    step: z.string().nullable().optional(),
    payload: z.record(z.string(), z.unknown()).optional(),
  })
  .openapi("SentEvent", {
    description: "Other fields are dropped; what each type's payload must hold stands in PROTOCOL.md, section 3",
  });
