import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import type { Run } from "../protocol/api.ts";
import { seedTokens, tokenOf } from "../test/workerd/api.ts";
import worker from "./index.ts";
import { asPublicRequest } from "./public-request.ts";

beforeAll(seedTokens);

const PUBLIC_URL = "https://runs.example.com";
const ask = (path: string, init: RequestInit, publicUrl = PUBLIC_URL) =>
  worker.fetch(
    // As the proxy asks: the host is kept, TLS has ended.
    new Request(`http://runs.example.com${path}`, init),
    { ...env, PUBLIC_URL: publicUrl },
    createExecutionContext(),
  );

test("behind a proxy that ends TLS the cookie is Secure, the page's own writes are its own, and addresses are the public ones", async () => {
  const json = { "content-type": "application/json", origin: PUBLIC_URL };
  const signIn = { method: "POST", headers: json, body: JSON.stringify({ token: tokenOf("operator") }) };
  const signedIn = await ask("/api/session", signIn);
  expect(signedIn.status).toBe(204);
  const cookie = signedIn.headers.get("set-cookie") ?? "";
  expect(cookie).toContain("; Secure");

  const create = { method: "POST", headers: { ...json, cookie: cookie.split(";")[0] ?? "" }, body: "{}" };
  const made = await (await ask("/api/workspaces/default/runs", create)).json<Run>();
  expect(made.watch_url).toBe(`${PUBLIC_URL}/runs/${made.run_id}`);

  // Without the setting the same page would be of another origin.
  expect((await ask("/api/session", signIn, "")).status).toBe(403);
});

test("only requests for the public host are taken for public ones", () => {
  const at = (url: string) => asPublicRequest(new Request(url), PUBLIC_URL).url;
  expect(at("http://runs.example.com/runs?q=1")).toBe("https://runs.example.com/runs?q=1");
  expect(at("http://127.0.0.1:8787/api/health")).toBe("http://127.0.0.1:8787/api/health");
  expect(at("http://runs.example.com.evil.example/")).toBe("http://runs.example.com.evil.example/");
});
