import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { App } from "../app-context.ts";
import { indexOf } from "../known-runs.ts";
import { runObject } from "../objects.ts";
import { problem } from "../problem.ts";
import { isRunId } from "../run-id.ts";

/** Finds the run in D1 before anything else in the request is judged, and keeps its row for the route. [ERR5] */
export const indexedRun = createMiddleware<App>(async (c, next) => {
  const id = runIdOf(c);
  const row = isRunId(id) ? await indexOf(c).get(id) : null;
  if (row === null) return noRun(c, id);
  c.set("row", row);
  return next();
});

/** The same, but asks the run's object first, so that an open run is found without D1, which may be away. */
export const heldOrIndexedRun = createMiddleware<App>(async (c, next) => {
  const id = runIdOf(c);
  if (!isRunId(id)) return noRun(c, id);
  const held = await runObject(c.env, id).describe();
  if (held.kind === "unknown" && (await indexOf(c).get(id)) === null) return noRun(c, id);
  return next();
});

const runIdOf = (c: Context): string => c.req.param("id") ?? "";

export const noRun = (c: Context<App>, id: string): Response =>
  problem(c, { code: "RUN_NOT_FOUND", detail: `there is no run ${id}` });
