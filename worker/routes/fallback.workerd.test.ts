import { expect, test } from "vitest";
import type { Problem } from "../../protocol/api.ts";
import { call } from "../../test/workerd/api.ts";

/** What a web build leaves, served as Cloudflare's assets are with `not_found_handling = "none"`: immutable headers included. */
const FILES: Record<string, { body: string; type: string }> = {
  "/": { body: "<!doctype html><p>page", type: "text/html; charset=utf-8" },
  "/_app/immutable/start.a1.js": { body: "start()", type: "text/javascript" },
  "/_app/version.json": { body: "{}", type: "application/json" },
  "/runcast.mjs": { body: "#!/usr/bin/env node", type: "application/octet-stream" },
  "/runcast-sdk.mjs": { body: "export {}", type: "application/octet-stream" },
};

const ETAG = '"of every file"';
const assets = {
  fetch: async (input: RequestInfo | URL): Promise<Response> => {
    const request = new Request(input);
    const file = FILES[new URL(request.url).pathname];
    if (file === undefined) return immutable(new Response(null, { status: 404 }));
    const headers = { "content-type": file.type, etag: ETAG };
    const isKnown = request.headers.get("if-none-match") === ETAG;
    return immutable(isKnown ? new Response(null, { status: 304, headers }) : new Response(file.body, { headers }));
  },
};

/** Headers of what a binding answers cannot be changed; a copy made by `Response.redirect` shares that, and a frozen setter stands for it here. */
function immutable(answer: Response): Response {
  Object.defineProperty(answer.headers, "set", {
    value: () => {
      throw new TypeError("Can't modify immutable headers.");
    },
  });
  return answer;
}

const ask = (path: string, method = "GET", headers: Record<string, string> = {}) =>
  call(method, path, { headers, bindings: { ASSETS: assets } });

test.each(["/", "/runs/0194a8e0-0000-7000-8000-000000000000", "/sign-in", "/workspaces/default"])(
  "%s is the page",
  async (path) => {
    const answer = await ask(path);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("page");
    expect(answer.headers.get("content-security-policy")).toBe(
      "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'",
    );
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("cache-control") ?? "").not.toContain("immutable");
  },
);

test("a script with its hash in its name is kept; a missing one is missing, not the page", async () => {
  const script = await ask("/_app/immutable/start.a1.js");
  expect(script.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
  const missing = await ask("/_app/immutable/start.b2.js");
  expect(missing.status).toBe(404);
  expect(missing.headers.get("cache-control") ?? "").not.toContain("immutable");
  expect((await ask("/_app/version.json")).headers.get("cache-control")).toBeNull();
});

test("the command line and the SDK are scripts", async () => {
  for (const path of ["/runcast.mjs", "/runcast-sdk.mjs"]) {
    expect((await ask(path)).headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  }
  // Missing, it is not the page either.
  expect((await ask("/runcast-sdk-node.mjs")).status).toBe(404);
});

test("the command line is not sent again to whoever has it, and its absence is a problem like any other", async () => {
  const again = await ask("/runcast.mjs", "GET", { "if-none-match": ETAG });
  expect([again.status, again.headers.get("etag"), await again.text()]).toEqual([304, ETAG, ""]);
  const none = { fetch: async () => new Response(null, { status: 404 }) };
  const missing = await call("GET", "/runcast.mjs", { bindings: { ASSETS: none } });
  expect([missing.status, (await missing.json<Problem>()).code]).toEqual([404, "NOT_FOUND"]);
});

test("an unknown API route is JSON, and a page cannot be posted to", async () => {
  expect((await ask("/api/nothing")).headers.get("content-type")).toBe("application/problem+json");
  expect((await ask("/apix", "POST")).status).toBe(405);
  expect((await ask("/api")).status).toBe(404);
});
