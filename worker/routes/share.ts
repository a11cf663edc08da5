import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { shareSchema } from "../../protocol/api.ts";
import { runIdSchema } from "../../protocol/event.ts";
import { refuseRepeats } from "../../protocol/read-query.ts";
import type { App } from "../app-context.ts";
import { findRun, toWireRun } from "../known-runs.ts";
import { noRun } from "../middleware/known-run.ts";
import { answerHeader, answers, newRoutes, refusals } from "../open-api.ts";
import { ifNoneMatch } from "../parameters.ts";
import { problem } from "../problem.ts";
import { sha256Hex } from "../secrets.ts";
import { drawBadge } from "../sharing/badge.ts";
import { nameOf } from "../sharing/describe-run.ts";
import { escapeMarkdown } from "../sharing/escape.ts";
import { runKey } from "../sharing/run-key.ts";

const params = z.object({ id: runIdSchema });
const VIEWER_OR_RUN_KEY: Record<string, string[]>[] = [{ bearer: [] }, { session: [] }, { runKey: [] }];
const image = (mediaType: string) => ({ [mediaType]: { schema: z.string() } });
const badgeHeaders = { ETag: answerHeader("Changes with the image", { type: "string" }, true) };

/** What shows a run to those who are not signed in: its name and how it stands. */
export const shareRoutes = newRoutes()
  .openapi(
    createRoute({
      method: "get",
      path: "/api/runs/{id}/share",
      summary: "Addresses to give away: of the page, of its preview, of the badge",
      request: { params },
      responses: {
        200: answers(shareSchema, "`preview_url` and `badge_url` hold the run's key, which opens its name and status"),
        ...refusals("UNAUTHENTICATED", "RUN_NOT_FOUND"),
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const run = await findRun(c, id);
      if (run === null) return noRun(c, id);
      const { RUNCAST_SECRET: secret } = c.env;
      if (!secret) throw new Error("RUNCAST_SECRET is not set; `npm run deploy` sets it");
      const key = await runKey(secret, id);
      const { watch_url } = toWireRun(c, run);
      const badge_url = `${new URL(c.req.url).origin}/api/runs/${id}/badge.svg?key=${key}`;
      const badge_markdown = `[![${escapeMarkdown(nameOf(run))}](${badge_url})](${watch_url})`;
      return c.json({ watch_url, preview_url: `${watch_url}?key=${key}`, badge_url, badge_markdown }, 200);
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/runs/{id}/badge.svg",
      summary: "How a run stands, as an image: for a viewer, or with the run's key",
      security: VIEWER_OR_RUN_KEY,
      request: {
        params,
        query: z.object({ key: z.unknown().meta({ type: "string", description: "The run's key" }).optional() }),
        headers: z.object({ "if-none-match": ifNoneMatch }),
      },
      responses: {
        200: { description: "To be asked for again each time", headers: badgeHeaders, content: image("image/svg+xml") },
        304: { description: "As `If-None-Match` has it", headers: badgeHeaders },
        ...refusals("UNAUTHENTICATED", "RUN_NOT_FOUND"),
      },
    }),
    async (c) => {
      const { id } = c.req.valid("param");
      const run = await findRun(c, id);
      if (run === null) return noRun(c, id);
      const repeats = refuseRepeats(new URL(c.req.url).searchParams, ["key"]);
      return repeats === null ? answerBadge(c, drawBadge(run)) : problem(c, repeats);
    },
  );

async function answerBadge(c: Context<App>, svg: string): Promise<Response> {
  const etag = `"${await sha256Hex(svg)}"`;
  const isKeyed = c.get("caller") === undefined;
  const headers = {
    etag,
    // A README shows the present state: whoever keeps the image asks each time whether it still holds.
    "cache-control": isKeyed ? "no-cache" : "private, no-cache",
    // Only with the key may another site's page show it; with a session that page would learn of the run from the image's size.
    ...(isKeyed ? { "cross-origin-resource-policy": "cross-origin" } : {}),
  };
  const known = (c.req.header("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag) || known.includes("*")) return new Response(null, { status: 304, headers });
  return new Response(svg, { headers: { ...headers, "content-type": "image/svg+xml; charset=utf-8" } });
}
