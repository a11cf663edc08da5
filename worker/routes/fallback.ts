import type { Context } from "hono";
import type { App } from "../app-context.ts";
import { errorText, logError } from "../../storage/server-log.ts";
import { authenticate } from "../authenticate.ts";
import { findRun } from "../known-runs.ts";
import { problem } from "../problem.ts";
import { isRunId } from "../run-id.ts";
import { previewTags, withPreview } from "../sharing/link-preview.ts";
import { hasRunKey } from "../sharing/run-key.ts";

/** Names in here carry the hash of their content; another content has another name. */
const IMMUTABLE = "/_app/immutable/";
/** The command line and the SDK, for whoever downloads or imports them. */
const MODULES: ReadonlyMap<string, string> = new Map([
  ["/runcast.mjs", "text/javascript; charset=utf-8"],
  ["/runcast-sdk.mjs", "text/javascript; charset=utf-8"],
  ["/runcast-sdk.d.mts", "text/plain; charset=utf-8"],
  ["/runcast-sdk-node.mjs", "text/javascript; charset=utf-8"],
  ["/runcast-sdk-node.d.mts", "text/plain; charset=utf-8"],
]);

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
  if (url.pathname.startsWith("/_app/") || MODULES.has(url.pathname)) {
    return problem(c, { code: "NOT_FOUND", detail: `${url.pathname} is not here; the page may be of another version` });
  }

  const tags = await findPreview(c, url);
  const headers = new Headers(c.req.raw.headers);
  // The page that was kept is another: its preview told of another moment.
  if (tags !== null) headers.delete("if-none-match");
  const page = await c.env.ASSETS.fetch(new Request(new URL("/", url), { method: c.req.method, headers }));
  if (page.ok && tags !== null) return withPreview(page, tags);
  if (page.ok || page.status === 304) return page;
  return problem(c, { code: "NOT_FOUND", detail: "the pages have not been built" });
}

/** The tags that tell of the run whose page is asked for; null for whoever may not know of it. The page itself never fails over them. */
async function findPreview(c: Context<App>, url: URL): Promise<string | null> {
  const runId = /^\/runs\/([^/]+)$/.exec(url.pathname)?.[1];
  if (runId === undefined || !isRunId(runId)) return null;
  try {
    const mayKnow = (await hasRunKey(c, runId)) || (await authenticate(c, Date.now())) !== null;
    const run = mayKnow ? await findRun(c, runId) : null;
    return run && previewTags(run, Date.now());
  } catch (error) {
    logError("a link's preview could not be made; the page is given without it", {
      request_id: c.get("requestId"),
      run_id: runId,
      error: errorText(error),
    });
    return null;
  }
}

function withCaching(url: URL, file: Response): Response {
  const type = MODULES.get(url.pathname);
  if (!url.pathname.startsWith(IMMUTABLE) && type === undefined) return file;
  const answer = new Response(file.body, file);
  if (type === undefined) answer.headers.set("cache-control", "public, max-age=31536000, immutable");
  else answer.headers.set("content-type", type);
  return answer;
}
