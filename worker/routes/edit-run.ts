import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { editRunSchema, runSchema } from "../../protocol/api.ts";
import { runIdSchema } from "../../protocol/event.ts";
import { rowOf } from "../app-context.ts";
import { refuseLabels } from "../create-run.ts";
import { detailsTag, parseIfMatch } from "../details-tag.ts";
import { editRun } from "../edit-run.ts";
import { toWireRun } from "../known-runs.ts";
import { jsonBody } from "../middleware/json-body.ts";
import { indexedRun, noRun } from "../middleware/known-run.ts";
import { answerHeader, answers, newRoutes, refusals, takes } from "../open-api.ts";
import { ifMatchHeader } from "../parameters.ts";
import { problem } from "../problem.ts";

export const editRoutes = newRoutes().openapi(
  createRoute({
    method: "patch",
    path: "/api/runs/{id}",
    summary: "Change a run's name, labels or pin, open or ended",
    middleware: [indexedRun, jsonBody] as const,
    request: {
      params: z.object({ id: runIdSchema }),
      headers: z.object({ "if-match": ifMatchHeader }),
      ...takes(editRunSchema, false),
    },
    responses: {
      200: answers(runSchema.meta({ id: "Run" }), "As it is now", {
        ETag: answerHeader("Changes with what can be changed here, and with nothing else", { type: "string" }, true),
      }),
      ...refusals(
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "ORIGIN_REFUSED",
        "INVALID_QUERY",
        "RUN_NOT_FOUND",
        "PRECONDITION_FAILED",
        "PAYLOAD_TOO_LARGE",
        "UNSUPPORTED_MEDIA_TYPE",
        "INVALID_JSON",
        "INVALID_BODY",
      ),
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const change = c.req.valid("json");
    const ifMatch = parseIfMatch(c.req.header("if-match"));
    if (ifMatch.kind === "unreadable") {
      return problem(c, { code: "INVALID_QUERY", detail: 'If-Match: a list of entity tags ("…"), or *' });
    }
    const refusal = refuseLabels(change.labels ?? {});
    if (refusal !== null) return problem(c, refusal);
    const editing = await editRun(c, rowOf(c), change, ifMatch);
    switch (editing.kind) {
      case "edited":
        return c.json(toWireRun(c, editing.run), 200, { etag: await detailsTag(editing.run) });
      case "refused":
        return problem(c, editing.refusal);
      case "unknown":
        return noRun(c, id);
      case "contended":
        return problem(c, {
          code: "STORAGE_UNAVAILABLE",
          detail: "others edit this run at the same moment; try again",
        });
    }
  },
);
