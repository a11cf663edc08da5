import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { LIMITS } from "../../protocol/limits.ts";
import { answers, newRoutes } from "../open-api.ts";

export const limitsRoutes = newRoutes().openapi(
  createRoute({
    method: "get",
    path: "/api/limits",
    summary: "Every limit of the contract",
    security: [],
    responses: {
      200: answers(
        z.record(z.string(), z.int()),
        "Sizes in bytes, spans in milliseconds unless the name says otherwise",
      ),
    },
  }),
  (c) => c.json({ ...LIMITS }, 200),
);
