import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { Run, Share } from "../protocol/api.ts";
import { call, ORIGIN, seedTokens, signIn, tokenOf } from "../test/workerd/api.ts";
import { app } from "./app.ts";

const NO_RUN = "0194a8e0-0000-7000-8000-000000000000";
const NAME = '</title><script>alert("1")</script>';
const PAGE = '<!doctype html><html><head><meta charset="utf-8"></head><body>page</body></html>';
const ASSETS = {
  fetch: async (input: RequestInfo | URL) =>
    new URL(new Request(input).url).pathname === "/"
      ? new Response(PAGE, { headers: { "content-type": "text/html; charset=utf-8", etag: '"page"' } })
      : new Response(null, { status: 404 }),
};

let runId: string;
let share: Share;
let key: string;

beforeAll(async () => {
  await seedTokens();
  const made = await call("POST", "/api/workspaces/default/runs", { as: "operator", json: { name: NAME } });
  runId = (await made.json<Run>()).run_id;
  share = await (await call("GET", `/api/runs/${runId}/share`, { as: "viewer" })).json();
  key = new URL(share.badge_url).searchParams.get("key") ?? "";
});

const badge = (id: string, query: string, headers: Record<string, string> = {}) =>
  call("GET", `/api/runs/${id}/badge.svg${query}`, { headers });
const open = (path: string, headers: Record<string, string> = {}, bindings: object = {}) =>
  app.fetch(new Request(ORIGIN + path, { headers }), { ...env, ASSETS, ...bindings }, createExecutionContext());

describe("sharing a run", () => {
  test("a viewer gets the addresses; the key in them opens the badge", async () => {
    expect(share.watch_url).toBe(`${ORIGIN}/runs/${runId}`);
    expect(share.preview_url).toBe(`${ORIGIN}/runs/${runId}?key=${key}`);
    expect(key).toMatch(/^[\w-]{43}$/);
    const answer = await badge(runId, `?key=${key}`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/svg+xml; charset=utf-8"]);
    const svg = await answer.text();
    expect(svg).toContain(">queued</text>");
    expect(svg).not.toContain("<script");
    expect(share.badge_markdown).toBe(
      `[![\\<\\/title\\>\\<script\\>alert\\(\\"1\\"\\)\\<\\/script\\>](${share.badge_url})](${share.watch_url})`,
    );
  });

  test("a stranger does not learn whether the run exists, and gets no addresses", async () => {
    expect((await call("GET", `/api/runs/${runId}/share`)).status).toBe(401);
    expect((await call("GET", `/api/runs/${NO_RUN}/share`, { as: "viewer" })).status).toBe(404);
  });

  test.each(["", "?key=", "?key=wrong", `?key=${"A".repeat(43)}`, "?key=é"])(
    "[SHR3] a stranger with %j gets the same 401 for every run",
    async (query) => {
      const answers = await Promise.all([runId, NO_RUN, "1"].map((id) => badge(id, query)));
      const bodies = await Promise.all(answers.map((answer) => answer.json<Record<string, unknown>>()));
      for (const [index, body] of bodies.entries()) {
        expect(answers[index]?.status).toBe(401);
        expect({ ...body, request_id: "" }).toEqual({ ...bodies[0], request_id: "" });
      }
    },
  );

  test("[SHR1] [SHR2] a key is of one run and of one instance, and opens nothing else of it", async () => {
    expect((await badge(NO_RUN, `?key=${key}`)).status).toBe(401);
    expect((await badge(runId, `?key=${key}=`)).status).toBe(401);
    const elsewhere = await open(`/api/runs/${runId}/badge.svg?key=${key}`, {}, { RUNCAST_SECRET: "another secret" });
    expect(elsewhere.status).toBe(401);
    const none = await open(`/api/runs/${runId}/badge.svg?key=${key}`, {}, { RUNCAST_SECRET: undefined });
    expect(none.status).toBe(401);
    for (const path of ["", "/events", "/summary", "/share"]) {
      expect((await call("GET", `/api/runs/${runId}${path}?key=${key}`)).status).toBe(401);
    }
  });

  test("[SHR4] a badge is asked for each time, and shown by others with the key only", async () => {
    const keyed = await badge(runId, `?key=${key}`);
    expect(keyed.headers.get("cache-control")).toBe("no-cache");
    expect(keyed.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
    const etag = keyed.headers.get("etag") ?? "";
    const again = await badge(runId, `?key=${key}`, { "if-none-match": `"other", W/${etag}` });
    expect([again.status, again.headers.get("etag")]).toEqual([304, etag]);

    const viewer = await badge(runId, "", { authorization: `Bearer ${tokenOf("viewer")}` });
    expect(viewer.status).toBe(200);
    expect(viewer.headers.get("cache-control")).toBe("private, no-cache");
    expect(viewer.headers.get("cross-origin-resource-policy")).toBe("same-origin");
    expect((await badge(NO_RUN, "", { authorization: `Bearer ${tokenOf("viewer")}` })).status).toBe(404);

    await call("POST", `/api/runs/${runId}/events`, {
      as: "operator",
      headers: { "content-type": "application/x-ndjson" },
      body: "started\n",
    });
    const moved = await badge(runId, `?key=${key}`, { "if-none-match": etag });
    expect(moved.status).toBe(200);
    expect(await moved.text()).toContain(">running</text>");
  });
});

describe("a link's preview", () => {
  test("[SHR5] [SHR6] stands in the page's head for whoever has the key or is signed in, and the name is text there", async () => {
    const cookie = await signIn("viewer");
    for (const answer of [
      await open(`/runs/${runId}?key=${key}`, { "if-none-match": '"page"' }),
      await open(`/runs/${runId}`, { cookie }),
    ]) {
      expect(answer.status).toBe(200);
      const html = await answer.text();
      const head = /<head>(.*)<\/head>/.exec(html)?.[1] ?? "";
      expect(head).toContain('property="og:title" content="&#60;/title&#62;&#60;script&#62;');
      expect(head).toMatch(/property="og:description" content="(Queued|Running)/);
      expect(head).toContain('name="twitter:card" content="summary"');
      expect(html).not.toContain("<script");
      expect(html).toContain("<body>page</body>");
      expect(answer.headers.get("etag")).toBeNull();
      expect(answer.headers.get("cache-control")).toBe("private, no-store");
      expect(answer.headers.get("content-security-policy")).toBe(
        "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'",
      );
    }
  });

  test("[SHR5] for all others it is the page of any run", async () => {
    for (const path of [
      `/runs/${runId}`,
      `/runs/${runId}?key=wrong`,
      `/runs/${NO_RUN}?key=${key}`,
      `/runs/1?key=${key}`,
      `/runs/${runId}/x?key=${key}`,
    ]) {
      const answer = await open(path);
      expect(await answer.text()).toBe(PAGE);
      expect(answer.headers.get("etag")).toBe('"page"');
    }
  });

  test("a database that cannot be asked costs the preview, not the page", async () => {
    const DB = {
      prepare: () => {
        throw new Error("D1_ERROR: away");
      },
    };
    expect(await (await open(`/runs/${runId}?key=${key}`, {}, { DB })).text()).toBe(PAGE);
  });
});
