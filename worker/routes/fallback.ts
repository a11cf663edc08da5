import type { Context } from "hono";
import type { App } from "../app-context.ts";
import { problem } from "../problem.ts";

/** Names in here carry the hash of their content; another content has another name. */
const IMMUTABLE = "/_app/immutable/";

/**
 * Everything that is no route: the pages' files, else the page itself, which finds its way by the address. A missing script must stay missing:
 * answered with the page, a browser would keep HTML as a script for a year.
 */
export async function answerFallback(c: Context<App>): Promise<Response> {
  const url = new URL(c.req.url);
  if (url.pathname.startsWith("/api/"))
    return problem(c, { code: "NOT_FOUND", detail: `${url.pathname} is not a route of this API` });
  if (c.req.method !== "GET" && c.req.method !== "HEAD") {
    return problem(c, { code: "METHOD_NOT_ALLOWED", detail: "pages know GET, HEAD" }, { allow: "GET, HEAD" });
  }

  const file = await c.env.ASSETS.fetch(c.req.raw);
  if (file.ok || file.status === 304) return withCaching(url, file);
  if (url.pathname.startsWith("/_app/") || url.pathname === "/runcast.mjs") {
    return problem(c, { code: "NOT_FOUND", detail: `${url.pathname} is not here; the page may be of another version` });
  }

  const page = await c.env.ASSETS.fetch(
    new Request(new URL("/", url), { method: c.req.method, headers: c.req.raw.headers }),
  );
  if (page.ok || page.status === 304) return page;
  return problem(c, { code: "NOT_FOUND", detail: "the pages have not been built" });
}

function withCaching(url: URL, file: Response): Response {
  if (!url.pathname.startsWith(IMMUTABLE) && url.pathname !== "/runcast.mjs") return file;
  const answer = new Response(file.body, file);
  if (url.pathname.startsWith(IMMUTABLE)) answer.headers.set("cache-control", "public, max-age=31536000, immutable");
  else answer.headers.set("content-type", "text/javascript; charset=utf-8");
  return answer;
}
