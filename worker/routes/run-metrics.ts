import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { metricHistorySchema } from "../../protocol/metric-history.ts";
import { rowOf } from "../app-context.ts";
import { indexedRun } from "../middleware/known-run.ts";
import { answerHeader, answers, newRoutes, refusals } from "../open-api.ts";
import { metricsQuerySchema } from "../parameters.ts";
import { problem } from "../problem.ts";
import { readMetrics } from "../reading/answer-metrics.ts";
import { orMissing } from "../reading/answer-run.ts";
import { parseMetricQuery } from "../reading/metric-options.ts";

export const runMetricsRoutes = newRoutes().openapi(
  createRoute({
    method: "get",
    path: "/api/runs/{id}/metrics",
    summary: "The values of a run's metrics, as many as a chart can show",
    middleware: [indexedRun] as const,
    request: { params: z.object({ id: z.string() }), query: metricsQuerySchema },
    responses: {
      200: answers(metricHistorySchema, "Of an open run as of now", {
        "Runcast-Damaged": answerHeader("Sequences that are damaged, and left out"),
      }),
      ...refusals("INVALID_QUERY", "RUN_NOT_FOUND", "LOG_INCOMPLETE"),
    },
  }),
  async (c) => {
    const query = parseMetricQuery(new URL(c.req.url).searchParams);
    if (query.kind === "refused") return problem(c, query.refusal);
    return orMissing(c, async () => {
      const { history, headers } = await readMetrics(c, rowOf(c).run, query.value);
      return c.json(history, 200, { ...headers, "cache-control": "no-store" });
    });
  },
);
