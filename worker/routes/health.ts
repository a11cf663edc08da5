import { createRoute } from "@hono/zod-openapi";
import { healthSchema } from "../../protocol/api.ts";
import { answers, newRoutes } from "../open-api.ts";

/** Whether the Worker answers. It asks nothing of the storage: a probe must not cost or depend on it. */
export const healthRoutes = newRoutes().openapi(
  createRoute({
    method: "get",
    path: "/api/health",
    summary: "Whether Runcast answers",
    security: [],
    responses: { 200: answers(healthSchema, "It does") },
  }),
  (c) => c.json({ status: "ok" as const, version: c.env.VERSION }, 200),
);
