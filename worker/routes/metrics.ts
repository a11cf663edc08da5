import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { countUnreadableRows, readRunTotals, type RunTotals } from "../../storage/d1-run-totals.ts";
import { D1Workspaces } from "../../storage/d1-workspaces.ts";
import { liveNumbers, type LiveNumbers } from "../../storage/live-numbers.ts";
import { errorText, logError } from "../../storage/server-log.ts";
import type { App } from "../app-context.ts";
import { EXPOSITION_TYPE, toExposition } from "../metrics/exposition.ts";
import { runMetrics } from "../metrics/run-metrics.ts";
import { workspaceObject } from "../objects.ts";
import { newRoutes, refusals } from "../open-api.ts";

export const metricsRoutes = newRoutes().openapi(
  createRoute({
    method: "get",
    path: "/api/metrics",
    summary: "Numbers of all workspaces for a scraper, in Prometheus' text format",
    responses: {
      200: { description: "As of now", content: { "text/plain": { schema: z.string() } } },
      ...refusals("UNAUTHENTICATED", "FORBIDDEN"),
    },
  }),
  async (c) => {
    const [workspaces, totals, unreadable] = await Promise.all([
      new D1Workspaces(c.env.DB).list(),
      readRunTotals(c.env.DB),
      countUnreadableRows(c.env.DB),
    ]);
    const totalsByWorkspace = Map.groupBy(totals, ({ workspace_id }) => workspace_id);
    const numbers = await Promise.all(
      workspaces.map(async ({ workspaceId }) => {
        const own = totalsByWorkspace.get(workspaceId) ?? [];
        const unreadableRows = unreadable.get(workspaceId) ?? 0;
        return { workspaceId, totals: own, unreadableRows, live: await askLiveNumbers(c, workspaceId, own) };
      }),
    );
    return c.body(toExposition(runMetrics(numbers, c.env.VERSION)), 200, { "content-type": EXPOSITION_TYPE });
  },
);

async function askLiveNumbers(
  c: Context<App>,
  workspaceId: string,
  totals: readonly RunTotals[],
): Promise<LiveNumbers | null> {
  // Asking would bring an object into being that no run has told anything yet.
  if (totals.length === 0) return liveNumbers([]);
  try {
    return await workspaceObject(c.env, workspaceId).numbers();
  } catch (error) {
    logError("the live list cannot be asked for its numbers", {
      request_id: c.get("requestId"),
      workspace_id: workspaceId,
      error: errorText(error),
    });
    return null;
  }
}
