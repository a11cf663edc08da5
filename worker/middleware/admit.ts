import { createMiddleware } from "hono/factory";
import { findRule, mayAct } from "../access.ts";
import type { App } from "../app-context.ts";
import { authenticate } from "../authenticate.ts";
import { isUpgrade, problem } from "../problem.ts";
import { hasRunKey } from "../sharing/run-key.ts";

const UNSAFE = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** Lets a request to the API through only when a row of the access table names it and its caller may do what the row says. */
export const admit = createMiddleware<App>(async (c, next) => {
  const admission = findRule(c.req.method, c.req.path);
  if (admission.kind === "unknown_path")
    return problem(c, { code: "NOT_FOUND", detail: `${c.req.path} is not a route of this API` });
  if (admission.kind === "unknown_method") {
    const detail = `${c.req.path} knows ${admission.allow}`;
    return problem(c, { code: "METHOD_NOT_ALLOWED", detail }, { allow: admission.allow });
  }

  const { rule, runId } = admission;
  c.set("route", rule.path);
  if (runId !== null) c.set("runId", runId);
  if (rule.caller !== "open") {
    const caller = await c.get("timings").measure("auth", () => authenticate(c, Date.now()));
    if (caller !== null) c.set("caller", caller);
    // Decided before anything is looked up: to a stranger, a run that exists and one that does not are the same.
    else if (rule.orRunKey !== true || runId === null || !(await hasRunKey(c, runId))) {
      return problem(c, { code: "UNAUTHENTICATED", detail: "send a bearer token, or sign in for a session cookie" });
    }
  }

  // SameSite keeps a cookie from most foreign requests, but neither from sockets of another port on this host nor from signing in as someone else.
  const origin = c.req.header("origin");
  const isAmbient = isUpgrade(c) || (UNSAFE.has(rule.method) && c.get("caller")?.by !== "bearer");
  if (isAmbient && origin !== undefined && origin !== new URL(c.req.url).origin) {
    return problem(c, { code: "ORIGIN_REFUSED", detail: `a page of ${origin} may not do this` });
  }

  const role = c.get("caller")?.principal.role;
  if (rule.caller !== "open" && role !== undefined && !mayAct(role, rule.caller)) {
    return problem(c, { code: "FORBIDDEN", detail: `this needs the role ${rule.caller}; yours is ${role}` });
  }
  return next();
});
