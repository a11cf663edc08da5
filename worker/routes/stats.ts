import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { statsSchema } from "../../protocol/api.ts";
import { slugSchema } from "../../protocol/event.ts";
import { indexOf, liveStatuses } from "../known-runs.ts";
import { knownWorkspace } from "../middleware/known-workspace.ts";
import { answers, newRoutes, refusals } from "../open-api.ts";
import { statsDays, toWireStats } from "../workspace-stats.ts";

export const statsRoutes = newRoutes().openapi(
  createRoute({
    method: "get",
    path: "/api/workspaces/{ws}/stats",
    summary: "Numbers over the workspace's runs",
    middleware: [knownWorkspace] as const,
    request: { params: z.object({ ws: slugSchema }) },
    responses: {
      200: answers(statsSchema.meta({ id: "Stats" }), "As of now"),
      ...refusals("UNAUTHENTICATED", "WORKSPACE_NOT_FOUND"),
    },
  }),
  async (c) => {
    const { ws } = c.req.valid("param");
    const days = statsDays(Date.now());
    const stats = await indexOf(c).stats(ws, days);
    const live = stats.open.length === 0 ? [] : await liveStatuses(c, ws);
    return c.json(toWireStats(stats, live, days), 200);
  },
);
