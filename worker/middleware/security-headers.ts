import { createMiddleware } from "hono/factory";
import type { App } from "../app-context.ts";

/** Data is never a page: nothing in it may run, whatever it is opened as. */
const API_POLICY = "default-src 'none'; frame-ancestors 'none'";
/** What a page may load stands in its own meta tag, with the hash of its script; here is what a meta tag cannot say, and what no page needs. */
const PAGE_POLICY = "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'";

export const securityHeaders = createMiddleware<App>(async (c, next) => {
  await next();
  // The headers of a switched protocol cannot be changed, and guard nothing.
  if (c.res.status === 101) return;
  // An answer of an object or of the assets has immutable headers: make it ours first.
  c.res = new Response(c.res.body, c.res);
  const { headers } = c.res;
  headers.set("x-request-id", c.get("requestId"));
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "no-referrer");
  if (!headers.has("cross-origin-resource-policy")) headers.set("cross-origin-resource-policy", "same-origin");
  headers.set("cross-origin-opener-policy", "same-origin");
  if (c.req.path.startsWith("/api/")) {
    if (!headers.has("content-security-policy")) headers.set("content-security-policy", API_POLICY);
    // What one principal may see must not be kept for another.
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  } else if (headers.get("content-type")?.startsWith("text/html") === true) {
    headers.set("content-security-policy", PAGE_POLICY);
  }
});
