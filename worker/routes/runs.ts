import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { cancelSchema, createRunSchema, heartbeatAnswerSchema, runListSchema, runSchema } from "../../protocol/api.ts";
import { runIdSchema, slugSchema } from "../../protocol/event.ts";
import { summarySchema } from "../../protocol/summary.ts";
import { callerOf } from "../app-context.ts";
import { createRun, refuseKey } from "../create-run.ts";
import { deleteRun } from "../delete-run.ts";
import { detailsTag } from "../details-tag.ts";
import { findRun, indexOf, listRuns, toWireRun } from "../known-runs.ts";
import { listQuerySchema, toRunQuery } from "../list-query.ts";
import { jsonBody } from "../middleware/json-body.ts";
import { heldOrIndexedRun, noRun } from "../middleware/known-run.ts";
import { knownWorkspace } from "../middleware/known-workspace.ts";
import { runObject } from "../objects.ts";
import { answerCreated } from "../reading/answer-run.ts";
import { summaryFromLog } from "../reading/summary-from-log.ts";
import { answerHeader, answers, lineAnswer, newRoutes, refusals, takes } from "../open-api.ts";
import { idempotencyKey } from "../parameters.ts";
import { problem } from "../problem.ts";

const workspaceParams = z.object({ ws: slugSchema });
const runParams = z.object({ id: runIdSchema });
const namedRunSchema = runSchema.meta({ id: "Run" });
const listSchema = runListSchema.extend({ items: z.array(namedRunSchema), skipped: z.int().min(0) });

export const runRoutes = newRoutes()
  .openapi(
    createRoute({
      method: "post",
      path: "/api/workspaces/{ws}/runs",
      summary: "Create a run",
      middleware: [knownWorkspace, jsonBody] as const,
      request: {
        params: workspaceParams,
        query: z.object({
          stream: z.enum(["true", "false"]).optional().describe("The answer is the run's events, until it ends"),
        }),
        headers: z.object({ "idempotency-key": idempotencyKey }),
        ...takes(createRunSchema, false),
      },
      responses: {
        202: {
          description: "Queued, and in every list",
          headers: { Location: answerHeader("The run's address", { type: "string" }, true) },
          content: { "application/json": { schema: namedRunSchema }, ...lineAnswer("text/event-stream", "Event") },
        },
        ...refusals(
          "INVALID_QUERY",
          "UNAUTHENTICATED",
          "FORBIDDEN",
          "WORKSPACE_NOT_FOUND",
          "UNSUPPORTED_MEDIA_TYPE",
          "INVALID_JSON",
          "INVALID_BODY",
          "IDEMPOTENCY_MISMATCH",
          "LOG_INCOMPLETE",
        ),
      },
    }),
    async (c) => {
      const refused = refuseKey(c.req.header("idempotency-key"));
      if (refused !== null) return problem(c, refused);
      const creation = await createRun(c, c.req.valid("param").ws, c.req.valid("json"));
      if (creation.kind === "refused") return problem(c, creation.refusal);
      if (c.req.valid("query").stream === "true") return answerCreated(c, creation.run);
      return c.json(toWireRun(c, creation.run), 202, { location: `/api/runs/${creation.run.run_id}` });
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/workspaces/{ws}/runs",
      summary: "Runs of the workspace, newest first",
      middleware: [knownWorkspace] as const,
      request: { params: workspaceParams, query: listQuerySchema },
      responses: {
        200: answers(listSchema, "A page; `skipped` rows of it could not be read"),
        ...refusals("UNAUTHENTICATED", "INVALID_QUERY", "WORKSPACE_NOT_FOUND"),
      },
    }),
    async (c) => {
      const { ws } = c.req.valid("param");
      const { runs, nextCursor, skipped } = await listRuns(c, toRunQuery(ws, c.req.valid("query")));
      return c.json({ items: runs.map((run) => toWireRun(c, run)), next_cursor: nextCursor, skipped }, 200);
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/runs/{id}",
      summary: "A run",
      request: { params: runParams },
      responses: {
        200: answers(namedRunSchema, "How it stands now", {
          ETag: answerHeader("For the If-Match of PATCH", { type: "string" }, true),
        }),
        ...refusals("UNAUTHENTICATED", "RUN_NOT_FOUND"),
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const run = await findRun(c, id);
      if (run === null) return noRun(c, id);
      return c.json(toWireRun(c, run), 200, { etag: await detailsTag(run) });
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/runs/{id}/summary",
      summary: "A run's summary",
      request: { params: runParams },
      responses: {
        200: answers(summarySchema, "The fold of its log"),
        ...refusals("UNAUTHENTICATED", "RUN_NOT_FOUND", "LOG_INCOMPLETE"),
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const row = await indexOf(c).get(id);
      if (row === null) return noRun(c, id);
      if (row.summary !== null) return c.json(row.summary, 200);
      const asked = await runObject(c.env, id).summary();
      if (asked.kind === "summary") return c.json(asked.summary, 200);
      // It ended and was archived between the two questions, or its row has none that can be read.
      const ended = await indexOf(c).get(id);
      if (ended === null) return noRun(c, id);
      const summary = ended.summary ?? (await summaryFromLog(c, ended.run));
      if (summary !== null) return c.json(summary, 200);
      const detail = "neither its row nor its log can tell its summary: its stored log is missing";
      return problem(c, { code: "LOG_INCOMPLETE", detail });
    },
  )
  .openapi(
    createRoute({
      method: "post",
      path: "/api/runs/{id}/cancel",
      summary: "Ask the producer to end the run; without a producer, or by force, end it",
      middleware: [heldOrIndexedRun, jsonBody] as const,
      request: {
        params: runParams,
        query: z.object({ force: z.enum(["true", "false"]).optional().describe("End it at once") }),
        ...takes(cancelSchema, false),
      },
      responses: {
        200: answers(namedRunSchema, "It is cancelled already"),
        202: answers(namedRunSchema, "Asked, or ended"),
        ...refusals(
          "UNAUTHENTICATED",
          "FORBIDDEN",
          "RUN_NOT_FOUND",
          "RUN_NOT_CANCELLABLE",
          "INVALID_JSON",
          "INVALID_BODY",
        ),
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const outcome = await runObject(c.env, id).cancel({
        by: callerOf(c).principal.name,
        reason: c.req.valid("json").reason ?? null,
        force: c.req.valid("query").force === "true",
      });
      switch (outcome.kind) {
        case "requested":
          return c.json(toWireRun(c, outcome.run), 202);
        case "already_cancelled":
          return c.json(toWireRun(c, outcome.run), 200);
        case "refused":
          return problem(c, outcome.refusal);
        case "unknown": {
          const row = await indexOf(c).get(id);
          if (row === null) return noRun(c, id);
          if (row.run.status === "cancelled") return c.json(toWireRun(c, row.run), 200);
          return problem(c, { code: "RUN_NOT_CANCELLABLE", detail: `the run has ${row.run.status} already` });
        }
      }
    },
  )
  .openapi(
    createRoute({
      method: "post",
      path: "/api/runs/{id}/heartbeat",
      summary: "Say that the producer is still there",
      request: { params: runParams },
      responses: {
        200: answers(heartbeatAnswerSchema, "Heard; `control` lists what is asked of the producer"),
        ...refusals("UNAUTHENTICATED", "FORBIDDEN", "RUN_NOT_FOUND", "RUN_ENDED"),
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const outcome = await runObject(c.env, id).heartbeat();
      switch (outcome.kind) {
        case "heard":
          return c.json({ control: outcome.control }, 200);
        case "refused":
          return problem(c, outcome.refusal);
        case "unknown": {
          const row = await indexOf(c).get(id);
          if (row === null) return noRun(c, id);
          return problem(c, { code: "RUN_ENDED", detail: `the run has ${row.run.status}` });
        }
      }
    },
  )
  .openapi(
    createRoute({
      method: "delete",
      path: "/api/runs/{id}",
      summary: "Delete an ended run: its metadata, log and everything that belongs to it",
      request: { params: runParams },
      responses: {
        204: { description: "Nothing is left of it" },
        ...refusals("UNAUTHENTICATED", "FORBIDDEN", "RUN_NOT_FOUND", "RUN_OPEN"),
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const deletion = await deleteRun(c, id);
      if (deletion.kind === "unknown") return noRun(c, id);
      if (deletion.kind === "refused") return problem(c, deletion.refusal);
      return c.body(null, 204);
    },
  );
