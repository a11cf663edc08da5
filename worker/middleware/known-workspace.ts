import { createMiddleware } from "hono/factory";
import { slugSchema } from "../../protocol/event.ts";
import { D1Workspaces } from "../../storage/d1-workspaces.ts";
import type { App } from "../app-context.ts";
import { problem } from "../problem.ts";

/** Asks for the workspace before anything in the request is judged: what is said to nobody has no right or wrong shape. [ERR5] */
export const knownWorkspace = createMiddleware<App>(async (c, next) => {
  const ws = c.req.param("ws") ?? "";
  if (slugSchema.safeParse(ws).success && (await new D1Workspaces(c.env.DB).exists(ws))) return next();
  return problem(c, { code: "WORKSPACE_NOT_FOUND", detail: `there is no workspace ${ws}` });
});
