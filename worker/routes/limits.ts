import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { LIMIT_WORDS } from "../../protocol/limit-words.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { answers, newRoutes } from "../open-api.ts";

const limitsSchema = z.object(
  Object.fromEntries(Object.entries(LIMIT_WORDS).map(([name, words]) => [name, z.int().describe(words)])),
);

export const limitsRoutes = newRoutes().openapi(
  createRoute({
    method: "get",
    path: "/api/limits",
    summary: "Every limit of the contract",
    responses: {
      200: answers(limitsSchema, "Each limit by its name, which ends in its unit"),
    },
  }),
  (c) => c.json({ ...LIMITS }, 200),
);
