import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { call, listen, ORIGIN, seedTokens, signIn, tokenOf } from "../test/workerd/api.ts";
import { app } from "./app.ts";
import { sha256Hex } from "./secrets.ts";

beforeEach(async () => {
  await env.DB.prepare("DELETE FROM sign_in_attempts").run();
  await seedTokens();
});

describe("signing in", () => {
  test("gives a cookie of this instance that only the browser itself can use", async () => {
    const answer = await call("POST", "/api/session", { json: { token: tokenOf("viewer") } });
    expect(answer.status).toBe(204);
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^runcast_session_runcast=rs_[\w-]{43}; /);
    for (const part of ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"]) expect(cookie).toContain(part);
    expect(cookie).not.toContain("Secure");
  });

  test("says who one is, under the name one gave", async () => {
    const cookie = await signIn("viewer", "Ada");
    const me = await call("GET", "/api/session", { headers: { cookie } });
    expect(await me.json()).toEqual({ id: "viewer", name: "Ada", role: "viewer" });
    const bearer = await call("GET", "/api/session", { as: "administrator" });
    expect(await bearer.json()).toEqual({ id: "administrator", name: "the administrator", role: "administrator" });
  });

  test("signing out ends the session at once", async () => {
    const cookie = await signIn("viewer");
    expect((await call("GET", "/api/session", { headers: { cookie } })).status).toBe(200);
    const out = await call("DELETE", "/api/session", { headers: { cookie, origin: ORIGIN } });
    expect(out.status).toBe(204);
    expect(out.headers.get("set-cookie")).toContain("Max-Age=0");
    expect((await call("GET", "/api/session", { headers: { cookie } })).status).toBe(401);
  });

  test("[SOC9] signing out closes no socket that is open, and opens no other", async () => {
    const cookie = await signIn("viewer");
    const headers = { cookie, upgrade: "websocket", origin: ORIGIN };
    const open = listen(await call("GET", "/api/workspaces/default/live", { headers }));
    await call("DELETE", "/api/session", { headers: { cookie, origin: ORIGIN } });
    const late = listen(await call("GET", "/api/workspaces/default/live", { headers }));
    expect((await late.closed).code).toBe(4401);
    const created = await call("POST", "/api/workspaces/default/runs", { as: "operator", json: { name: "after it" } });
    const run = expect.objectContaining({ run_id: (await created.json<{ run_id: string }>()).run_id });
    await vi.waitFor(() => expect(open.frames).toContainEqual({ op: "run", run }), 10_000);
    open.socket.close(1000, "");
  });

  test("D1 holds hashes, no token and no cookie", async () => {
    const cookie = await signIn("viewer");
    const { results: sessions } = await env.DB.prepare("SELECT * FROM sessions").all();
    const { results: tokens } = await env.DB.prepare("SELECT * FROM tokens").all();
    const stored = JSON.stringify([sessions, tokens]);
    const secret = cookie.split("=")[1] ?? "";
    expect(stored).not.toContain(secret);
    expect(stored).not.toContain(tokenOf("viewer"));
    expect(stored).toContain(await sha256Hex(secret));
  });

  test("an expired session opens nothing, and goes when someone signs in", async () => {
    const cookie = await signIn("viewer");
    await env.DB.prepare("UPDATE sessions SET expires_at_ms = 1").run();
    expect((await call("GET", "/api/session", { headers: { cookie } })).status).toBe(401);
    await signIn("viewer");
    expect(await env.DB.prepare("SELECT count(*) AS n FROM sessions").first("n")).toBe(1);
  });

  test("a session's secret is no bearer token, and a token no cookie", async () => {
    const secret = (await signIn("viewer")).split("=")[1] ?? "";
    await call("GET", "/api/session", { headers: { cookie: `runcast_session_runcast=${secret}` } });
    expect((await call("GET", "/api/session", { headers: { authorization: `Bearer ${secret}` } })).status).toBe(401);
    const cookie = `runcast_session_runcast=${tokenOf("viewer")}`;
    expect((await call("GET", "/api/session", { headers: { cookie } })).status).toBe(401);
  });

  test("guessing is slowed: after ten wrong tokens even a right one waits, from that address only", async () => {
    const from = (address: string, token: string) =>
      call("POST", "/api/session", { json: { token }, headers: { "cf-connecting-ip": address } });
    for (let n = 0; n < 10; n++) expect((await from("192.0.2.1", `wrong ${n}`)).status).toBe(401);
    const refused = await from("192.0.2.1", tokenOf("viewer"));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: "TOO_MANY_REQUESTS" });
    expect((await from("192.0.2.2", tokenOf("viewer"))).status).toBe(204);

    await env.DB.prepare("UPDATE sign_in_attempts SET window_ends_at_ms = 1").run();
    expect((await from("192.0.2.1", tokenOf("viewer"))).status).toBe(204);
  });

  test("a server that stands alone does not believe what a client says of its address", async () => {
    const guess = (n: number) => {
      const request = new Request(`${ORIGIN}/api/session`, {
        method: "POST",
        headers: { "content-type": "application/json", "cf-connecting-ip": `198.51.100.${n}` },
        body: JSON.stringify({ token: "wrong" }),
      });
      return app.fetch(request, { ...env, ALLOWED_HOSTS: "127.0.0.1" }, createExecutionContext());
    };
    for (let n = 0; n < 10; n++) expect((await guess(n)).status).toBe(401);
    expect((await guess(11)).status).toBe(429);
  });

  test("guesses that come all at once are counted one by one", async () => {
    const guess = () =>
      call("POST", "/api/session", { json: { token: "wrong" }, headers: { "cf-connecting-ip": "192.0.2.3" } });
    const statuses = (await Promise.all(Array.from({ length: 120 }, guess))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(100);
    expect((await guess()).status).toBe(429);
  });
});

describe("origin", () => {
  test("a cookie's write from another origin is refused, a read and a bearer's write are not", async () => {
    const cookie = await signIn("administrator");
    const put = (headers: Record<string, string>) => call("PUT", "/api/workspaces/from-origin", { headers });
    for (const origin of ["https://evil.example", "http://127.0.0.1:9999", "http://localhost:8787", "null"]) {
      const answer = await put({ cookie, origin });
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ code: "ORIGIN_REFUSED" });
    }
    expect((await put({ cookie, origin: ORIGIN })).status).toBe(201);
    expect(
      (await put({ authorization: `Bearer ${tokenOf("administrator")}`, origin: "https://evil.example" })).status,
    ).toBe(200);
    expect((await call("GET", "/api/workspaces", { headers: { cookie, origin: "https://evil.example" } })).status).toBe(
      200,
    );
    const signInFromElsewhere = await call("POST", "/api/session", {
      json: { token: tokenOf("viewer") },
      headers: { origin: "https://evil.example" },
    });
    expect(signInFromElsewhere.status).toBe(403);
  });
});

test("a token that was seen within the last minute costs no read of D1", async () => {
  await call("GET", "/api/session", { as: "operator" });
  const prepare = vi.spyOn(env.DB, "prepare");
  expect((await call("GET", "/api/session", { as: "operator" })).status).toBe(200);
  expect(prepare).not.toHaveBeenCalled();
  expect((await call("GET", "/api/session", { headers: { authorization: "Bearer nobody" } })).status).toBe(401);
  expect(prepare).toHaveBeenCalled();
  prepare.mockRestore();
});
