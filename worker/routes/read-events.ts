import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { D1RunIndex } from "../../storage/d1-run-index.ts";
import type { App } from "../app-context.ts";
import { newRoutes, refusals } from "../open-api.ts";
import { problem } from "../problem.ts";
import { answerRun } from "../reading/answer-run.ts";
import { parseReadOptions } from "../reading/read-options.ts";
import { isRunId } from "../run-id.ts";

const lines = (mediaType: string) => ({ [mediaType]: { schema: z.string() } });

export const readRoutes = newRoutes().openapi(
  createRoute({
    method: "get",
    path: "/api/runs/{id}/events",
    summary: "Read the log: as NDJSON, server-sent events, JSON pages or text",
    request: {
      params: z.object({ id: z.string() }),
      query: z.object({
        after_sequence: z.string().optional(),
        from_sequence: z.string().optional(),
        limit: z.string().optional(),
        types: z.string().optional(),
        tail: z.string().optional(),
        at: z.string().optional().describe("RFC 3339: from the first event at or after this time"),
        follow: z.string().optional(),
        stream: z.string().optional(),
        download: z.string().optional(),
        format: z.string().optional(),
        ansi: z.string().optional(),
        timestamps: z.string().optional(),
        envelope: z
          .string()
          .optional()
          .describe("full: event_id, run_id, workspace_id, workflow_id and schema in every event"),
      }),
    },
    responses: {
      200: {
        description: "The events after the position, in order",
        content: {
          ...lines("application/x-ndjson"),
          ...lines("text/event-stream"),
          ...lines("application/json"),
          ...lines("text/plain"),
        },
      },
      204: { description: "Server-sent events: the run has ended and nothing is left to send" },
      206: { description: "A byte range of an ended run's log", content: lines("application/x-ndjson") },
      304: { description: "The log has not changed" },
      ...refusals(
        "INVALID_QUERY",
        "UNAUTHENTICATED",
        "RUN_NOT_FOUND",
        "NOT_ACCEPTABLE",
        "LOG_INCOMPLETE",
        "RANGE_NOT_SATISFIABLE",
      ),
    },
  }),
  async (c) => readEvents(c, c.req.valid("param").id),
);

async function readEvents(c: Context<App>, runId: string): Promise<Response> {
  if (!isRunId(runId)) return problem(c, { code: "RUN_NOT_FOUND", detail: `there is no run ${runId}` });
  const options = parseReadOptions(new URL(c.req.url).searchParams, c.req.raw.headers);
  if (options.kind === "refused") return problem(c, options.refusal);
  const row = await new D1RunIndex(c.env.DB).get(runId);
  if (row === null) return problem(c, { code: "RUN_NOT_FOUND", detail: `there is no run ${runId}` });

  return answerRun(c, row.run, options.value);
}
