import { createMiddleware } from "hono/factory";
import type { App } from "../app-context.ts";
import { problem } from "../problem.ts";

/**
 * Answers only to the names in ALLOWED_HOSTS. A page anywhere can point its own host name at 127.0.0.1 and would then be of our own origin
 * (DNS rebinding); the name it uses gives it away.
 */
export const checkHost = createMiddleware<App>(async (c, next) => {
  const url = new URL(c.req.url);
  if (!isAllowedHost(c.env.ALLOWED_HOSTS, url)) {
    return problem(c, { code: "HOST_REFUSED", detail: `this server does not answer to ${url.host}` });
  }
  return next();
});

/** An entry with a port allows that port, one without allows any. */
export function isAllowedHost(allowed: string, url: URL): boolean {
  const entries = allowed
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter(Boolean);
  return entries.length === 0 || entries.includes(url.host) || entries.includes(url.hostname);
}
