import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { searchLineSchema } from "../../protocol/search.ts";
import { rowOf } from "../app-context.ts";
import { indexedRun } from "../middleware/known-run.ts";
import { lineAnswer, newRoutes, refusals } from "../open-api.ts";
import { searchQuerySchema } from "../parameters.ts";
import { problem } from "../problem.ts";
import { answerSearch } from "../reading/answer-search.ts";
import { parseSearch } from "../reading/search-options.ts";

export const searchRoutes = newRoutes().openapi(
  createRoute({
    method: "get",
    path: "/api/runs/{id}/search",
    summary: "Find lines of the whole log, as grep would in its text",
    middleware: [indexedRun] as const,
    request: { params: z.object({ id: z.string() }), query: searchQuerySchema },
    responses: {
      200: {
        description: "What is found, in order and as soon as it is; progress on the way; `end` as the last line",
        content: lineAnswer("application/x-ndjson", searchLineSchema),
      },
      ...refusals("INVALID_QUERY", "RUN_NOT_FOUND", "LOG_INCOMPLETE"),
    },
  }),
  async (c) => {
    const search = parseSearch(new URL(c.req.url).searchParams);
    return search.kind === "refused" ? problem(c, search.refusal) : answerSearch(c, rowOf(c).run, search.value);
  },
);
