import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { eventPageSchema } from "../../protocol/api.ts";
import { rowOf } from "../app-context.ts";
import { indexedRun } from "../middleware/known-run.ts";
import { namedEventSchema } from "../named-schemas.ts";
import { answerHeader, lineAnswer, newRoutes, refusals } from "../open-api.ts";
import { readHeadersSchema, readQuerySchema } from "../parameters.ts";
import { problem } from "../problem.ts";
import { answerRun } from "../reading/answer-run.ts";
import { parseReadOptions } from "../reading/read-options.ts";

const fileHeaders = {
  ETag: answerHeader("Of an ended run's whole log"),
  "Accept-Ranges": answerHeader("An ended run's whole log is given by ranges too", { const: "bytes" }),
  "Content-Disposition": answerHeader("With `download=true`: a file name"),
  "Runcast-Damaged": answerHeader("Sequences of a page that are damaged, and left out"),
};

export const readRoutes = newRoutes().openapi(
  createRoute({
    method: "get",
    path: "/api/runs/{id}/events",
    summary: "Read the log: as NDJSON, server-sent events, JSON pages or text",
    middleware: [indexedRun] as const,
    request: { params: z.object({ id: z.string() }), headers: readHeadersSchema, query: readQuerySchema },
    responses: {
      200: {
        description: "The events after the position, in order, as `Accept` or the query asks for them",
        headers: fileHeaders,
        content: {
          ...lineAnswer("application/x-ndjson", "Event"),
          ...lineAnswer("text/event-stream", "Event"),
          "application/json": {
            schema: eventPageSchema.extend({ items: z.array(namedEventSchema) }),
          },
          "text/plain": { schema: z.string() },
        },
      },
      204: { description: "Server-sent events: the run has ended and nothing is left to send" },
      206: {
        description: "A byte range of an ended run's log",
        headers: {
          ...fileHeaders,
          "Content-Range": answerHeader("Which bytes, of how many", { type: "string" }, true),
          ETag: answerHeader("The version that the range belongs to", { type: "string" }, true),
        },
        content: { "application/x-ndjson": { schema: z.string() } },
      },
      304: { description: "The log has not changed", headers: fileHeaders },
      ...refusals("INVALID_QUERY", "RUN_NOT_FOUND", "NOT_ACCEPTABLE", "LOG_INCOMPLETE", "RANGE_NOT_SATISFIABLE"),
    },
  }),
  async (c) => {
    const options = parseReadOptions(new URL(c.req.url).searchParams, c.req.raw.headers);
    if (options.kind === "refused") return problem(c, options.refusal);
    return answerRun(c, rowOf(c).run, options.value);
  },
);
