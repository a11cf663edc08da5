import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { logInfo } from "../../storage/server-log.ts";
import type { App } from "../app-context.ts";
import { isRunId } from "../run-id.ts";
import { timedEnv } from "../timing/timed-env.ts";
import { Timings } from "../timing/timings.ts";

/** Says of each request how it was answered: `Server-Timing` to whoever asked, a line of the log to whoever runs the server. */
export const observeRequest = createMiddleware<App>(async (c, next) => {
  const timings = new Timings();
  const { env } = c;
  c.set("timings", timings);
  c.env = timedEnv(env, timings);
  await next();
  // The headers of a switched protocol cannot be changed.
  if (c.req.path.startsWith("/api/") && c.res.status !== 101) {
    c.res.headers.set("server-timing", timings.header(c.get("caller") !== undefined));
  }
  logInfo(env, "request", requestFields(c, timings.totalMs()));
});

/** Nothing of what a caller keeps secret: the route as the table has it instead of the address, and of who asks only the id. */
function requestFields(c: Context<App>, durationMs: number): Record<string, string | number | null> {
  const principal = c.get("caller")?.principal;
  return {
    request_id: c.get("requestId"),
    method: c.req.method,
    route: c.get("route") ?? null,
    status: c.res.status,
    duration_ms: Math.round(durationMs * 10) / 10,
    principal: principal?.id ?? null,
    role: principal?.role ?? null,
    run_id: runIdOf(c),
    code: c.get("refused") ?? null,
  };
}

/** Of the path, or of the run that was made. */
function runIdOf(c: Context<App>): string | null {
  const id = c.get("runId") ?? c.res.headers.get("location")?.split("/").at(-1);
  return id !== undefined && isRunId(id) ? id : null;
}
