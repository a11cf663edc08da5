import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { call, listen, ORIGIN, seedTokens, tokenOf, type Call } from "../test/workerd/api.ts";
import { LIMIT_WORDS } from "../protocol/limit-words.ts";
import { LIMITS } from "../protocol/limits.ts";
import { archiveRun, createRun } from "../test/workerd/runs.ts";
import { ACCESS } from "./access.ts";

const NO_RUN = "0194a8e0-0000-7000-8000-000000000000";

beforeAll(seedTokens);

describe("refusals", () => {
  const admin: Call = { as: "administrator" };
  const json = (body: string | Uint8Array, contentType = "application/json"): Call => ({
    ...admin,
    body,
    headers: { "content-type": contentType },
  });
  const RUNS = "/api/workspaces/default/runs";
  const deep = `{"parameters":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}`;
  const tooLong = " ".repeat(LIMITS.appendBodyBytes + 1);
  const manyKeys = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`k${n}`, n]));

  test.each<[string, string, string, Call, number, string]>([
    ["unknown route", "GET", "/api/nothing", {}, 404, "NOT_FOUND"],
    ["a slash too much", "GET", `${RUNS}/`, admin, 404, "NOT_FOUND"],
    ["wrong method", "DELETE", RUNS, admin, 405, "METHOD_NOT_ALLOWED"],
    ["wrong method on an open route", "POST", "/api/health", {}, 405, "METHOD_NOT_ALLOWED"],
    ["OPTIONS", "OPTIONS", "/api/session", {}, 405, "METHOD_NOT_ALLOWED"],
    ["no such token", "GET", "/api/workspaces", { headers: { authorization: "Bearer nope" } }, 401, "UNAUTHENTICATED"],
    ["another scheme", "GET", "/api/workspaces", { headers: { authorization: "Basic eDp5" } }, 401, "UNAUTHENTICATED"],
    ["unknown workspace, list", "GET", "/api/workspaces/none/runs", admin, 404, "WORKSPACE_NOT_FOUND"],
    ["no slug, list", "GET", "/api/workspaces/No/runs", admin, 404, "WORKSPACE_NOT_FOUND"],
    [
      "unknown workspace, create",
      "POST",
      "/api/workspaces/none/runs",
      { ...admin, json: {} },
      404,
      "WORKSPACE_NOT_FOUND",
    ],
    ["unknown run", "GET", `/api/runs/${NO_RUN}`, admin, 404, "RUN_NOT_FOUND"],
    ["a run id in capitals", "GET", `/api/runs/${NO_RUN.toUpperCase()}`, admin, 404, "RUN_NOT_FOUND"],
    ["no run id", "GET", "/api/runs/1", admin, 404, "RUN_NOT_FOUND"],
    ["no run id, summary", "GET", "/api/runs/%00/summary", admin, 404, "RUN_NOT_FOUND"],
    ["unknown run, summary", "GET", `/api/runs/${NO_RUN}/summary`, admin, 404, "RUN_NOT_FOUND"],
    ["unknown run, cancel", "POST", `/api/runs/${NO_RUN}/cancel`, admin, 404, "RUN_NOT_FOUND"],
    ["unknown run, heartbeat", "POST", `/api/runs/${NO_RUN}/heartbeat`, admin, 404, "RUN_NOT_FOUND"],
    ["unknown run, delete", "DELETE", `/api/runs/${NO_RUN}`, admin, 404, "RUN_NOT_FOUND"],
    ["a workspace that is no slug", "PUT", "/api/workspaces/No%20Slug", admin, 422, "INVALID_BODY"],
    ["another content type", "POST", RUNS, json("{}", "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"],
    [
      "a form",
      "POST",
      "/api/session",
      json("token=x", "application/x-www-form-urlencoded"),
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    [
      "a body without content type",
      "POST",
      RUNS,
      { ...admin, body: new TextEncoder().encode("{}") },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    ["no JSON", "POST", RUNS, json("{"), 422, "INVALID_JSON"],
    ["no UTF-8", "POST", RUNS, json(new Uint8Array([0x22, 0xff, 0x22])), 422, "INVALID_JSON"],
    ["a NUL byte", "POST", RUNS, json("\u0000{}"), 422, "INVALID_JSON"],
    ["an array", "POST", RUNS, json("[]"), 422, "INVALID_BODY"],
    ["null", "POST", RUNS, json("null"), 422, "INVALID_BODY"],
    ["an unknown field", "POST", RUNS, { ...admin, json: { nome: "x" } }, 422, "INVALID_BODY"],
    ["a wrong type", "POST", RUNS, { ...admin, json: { name: 1 } }, 422, "INVALID_BODY"],
    ["a label that is no text", "POST", RUNS, { ...admin, json: { labels: { a: 1 } } }, 422, "INVALID_BODY"],
    ["a lease too short", "POST", RUNS, { ...admin, json: { lease_seconds: 9 } }, 422, "INVALID_BODY"],
    ["too many parameters", "POST", RUNS, { ...admin, json: { parameters: manyKeys } }, 422, "INVALID_BODY"],
    [
      "parameters too large",
      "POST",
      RUNS,
      { ...admin, json: { parameters: { a: "x".repeat(65_536) } } },
      422,
      "INVALID_BODY",
    ],
    ["a reserved name", "POST", RUNS, json('{"labels":{"__proto__":"x"}}'), 422, "INVALID_BODY"],
    ["a reserved field", "POST", RUNS, json('{"__proto__":{"name":"x"}}'), 422, "INVALID_BODY"],
    ["parameters too deep", "POST", RUNS, json(deep), 422, "INVALID_BODY"],
    ["a body beyond all measure", "POST", RUNS, json(tooLong), 413, "PAYLOAD_TOO_LARGE"],
    ["nothing to sign in with", "POST", "/api/session", { json: {} }, 422, "INVALID_BODY"],
    ["no body to sign in with", "POST", "/api/session", {}, 422, "INVALID_BODY"],
    ["no JSON to sign in with", "POST", "/api/session", json("{"), 422, "INVALID_JSON"],
    ["too much to sign in with", "POST", "/api/session", json(tooLong), 413, "PAYLOAD_TOO_LARGE"],
    ["a workspace of no JSON", "PUT", "/api/workspaces/new", json("{"), 422, "INVALID_JSON"],
    ["a workspace as text", "PUT", "/api/workspaces/new", json("{}", "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["a workspace too long", "PUT", "/api/workspaces/new", json(tooLong), 413, "PAYLOAD_TOO_LARGE"],
    ["a bad key", "POST", RUNS, { ...admin, json: {}, headers: { "idempotency-key": "é" } }, 400, "INVALID_QUERY"],
    ["no upgrade", "GET", "/api/workspaces/default/live", admin, 426, "UPGRADE_REQUIRED"],
    ...[
      "limit=0",
      "limit=201",
      "limit=x",
      "limit=1e2",
      "status=done",
      "status=queued&status=nope",
      "label=a",
      "label=:b",
      "pinned=1",
    ].map(listed),
    ...[
      "created_after=yesterday",
      "created_before=2026-02-30T00:00:00Z",
      "max_validation_severity=bad",
      "cursor=zzz",
      "cursor=",
      "limit=1&limit=2",
    ].map(listed),
  ])("[ERR1] [ERR3] %s: %s %s", async (_what, method, path, request, status, code) => {
    const answer = await call(method, path, request);
    const body = await answer.json<Record<string, unknown>>();
    expect([answer.status, body["code"]]).toEqual([status, code]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({
      status,
      type: `urn:runcast:problem:${code}`,
      request_id: answer.headers.get("x-request-id"),
    });
    expect(String(body["detail"])).not.toBe("");
    if (status === 405) expect(answer.headers.get("allow")).toMatch(/[A-Z]/);
    if (status === 401) expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  });

  function listed(query: string): [string, string, string, Call, number, string] {
    return ["a query that cannot be read", "GET", `${RUNS}?${query}`, admin, 400, "INVALID_QUERY"];
  }

  test("405 names the methods that there are", async () => {
    expect((await call("PATCH", RUNS, { as: "viewer" })).headers.get("allow")).toBe("GET, HEAD, POST");
  });

  test("storage that cannot be reached: 503, and no word of it to the client", async () => {
    const prepare = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1_ERROR: secret internals: SQLITE_IOERR");
    });
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const answer = await call("GET", "/api/workspaces", { as: "viewer" });
    const text = await answer.text();
    prepare.mockRestore();
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(text).not.toContain("secret");
    const [line] = log.mock.calls[0] ?? [];
    log.mockRestore();
    expect(JSON.parse(String(line))).toMatchObject({ request_id: answer.headers.get("x-request-id") });
    expect(String(line)).toContain("secret internals");
  });
});

describe("sockets are refused", () => {
  const upgrade = { upgrade: "websocket", "sec-websocket-protocol": "runcast.workspace.v1" };
  const bearer = { authorization: `Bearer ${tokenOf("viewer")}` };

  test("by the status, to a client without an origin", async () => {
    const answer = await call("GET", "/api/workspaces/default/live", { headers: upgrade });
    expect(answer.status).toBe(401);
    expect((await call("GET", "/api/workspaces/none/live", { headers: { ...upgrade, ...bearer } })).status).toBe(404);
    const other = { ...upgrade, ...bearer, "sec-websocket-protocol": "other" };
    expect((await call("GET", "/api/workspaces/default/live", { headers: other })).status).toBe(400);
  });

  test.each([
    ["nobody", "/api/workspaces/default/live", { ...upgrade, origin: ORIGIN }, 4401],
    ["another origin", "/api/workspaces/default/live", { ...upgrade, ...bearer, origin: "https://evil.example" }, 4403],
    ["no such workspace", "/api/workspaces/none/live", { ...upgrade, ...bearer, origin: ORIGIN }, 4404],
    [
      "another subprotocol",
      "/api/workspaces/default/live",
      { ...upgrade, ...bearer, origin: ORIGIN, "sec-websocket-protocol": "x" },
      4400,
    ],
  ])("by the close code, to a browser: %s", async (_what, path, headers, code) => {
    const answer = await call("GET", path, { headers });
    expect(answer.status).toBe(101);
    expect(answer.headers.get("sec-websocket-protocol")).toBe(headers["sec-websocket-protocol"]);
    expect((await listen(answer).closed).code).toBe(code);
  });
});

describe("[SOC12] a socket while the storage cannot be reached", () => {
  const upgrade = { upgrade: "websocket", authorization: `Bearer ${tokenOf("viewer")}` };
  /** What fails, while it does. */
  const failing = async <Result>(
    whatFails: () => { mockRestore: () => void },
    during: () => Promise<Result>,
  ): Promise<Result> => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const failure = whatFails();
    try {
      return await during();
    } finally {
      failure.mockRestore();
      log.mockRestore();
    }
  };

  test.each(["/api/workspaces/default/live", `/api/runs/${NO_RUN}/live`])(
    "is refused with 503 to a program, and closed 1012 to a page: %s",
    async (path) => {
      // Who asks is known from before.
      await call("GET", "/api/workspaces", { as: "viewer" });
      const d1 = () =>
        vi.spyOn(env.DB, "prepare").mockImplementation(() => {
          throw new Error("D1_ERROR: Network connection lost.");
        });
      expect((await failing(d1, () => call("GET", path, { headers: upgrade }))).status).toBe(503);
      const page = await failing(d1, () => call("GET", path, { headers: { ...upgrade, origin: ORIGIN } }));
      expect(await listen(page).closed).toEqual({ code: 1012, reason: expect.stringContaining("try again") });
    },
  );

  test("that replays an ended run is closed 1012 where it broke off, and goes on from there when it comes again", async () => {
    const { run_id } = await createRun();
    await archiveRun(run_id, "failed");
    const manifest = await env.ARCHIVE.get(`workspaces/default/runs/${run_id}/logs/manifest.json`);
    const away = new Error("get: We encountered an internal error. Please try again. (10001)");
    const itsLines = () => vi.spyOn(env.ARCHIVE, "get").mockResolvedValueOnce(manifest).mockRejectedValue(away);
    const broken = await failing(itsLines, async () => {
      const heard = listen(await call("GET", `/api/runs/${run_id}/live`, { headers: upgrade }));
      return { closed: await heard.closed, frames: heard.frames };
    });
    const all = () => vi.spyOn(env.ARCHIVE, "get").mockRejectedValue(away);
    expect((await failing(all, () => call("GET", `/api/runs/${run_id}/live`, { headers: upgrade }))).status).toBe(503);
    expect(broken.closed.code).toBe(1012);
    expect(broken.frames.map(({ op }) => op)).not.toContain("end");
    const again = listen(await call("GET", `/api/runs/${run_id}/live`, { headers: upgrade }));
    expect((await again.closed).code).toBe(1000);
    expect(again.frames.map(({ op, sequence }) => op ?? sequence)).toEqual(["hello", 1, 2, 3, "caught_up", "end"]);
  });
});

describe("what every answer carries", () => {
  test("the API: nothing in it may run, nothing of it is kept", async () => {
    const { headers } = await call("GET", "/api/health");
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  test("[LIM1] the limits are the table's, and the document says each in words", async () => {
    expect(await (await call("GET", "/api/limits")).json()).toEqual(LIMITS);
    const { paths } = await (
      await call("GET", "/api/openapi.json")
    ).json<{
      paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, unknown> }> }>>;
    }>();
    const answer = paths["/api/limits"]?.["get"]?.responses["200"]?.content["application/json"];
    const documented = Object.keys(LIMITS).map((name) => [
      name,
      expect.objectContaining({ description: LIMIT_WORDS[name as keyof typeof LIMITS] }),
    ]);
    expect(answer).toMatchObject({ schema: { properties: Object.fromEntries(documented) } });
  });

  test("the contract documents name every route and socket", async () => {
    const openapi = await (
      await call("GET", "/api/openapi.json")
    ).json<{
      openapi: string;
      components: { schemas: Record<string, unknown> };
      paths: Record<string, Record<string, unknown>>;
    }>();
    expect(openapi.openapi).toBe("3.1.0");
    expect(Object.keys(openapi.components.schemas)).toEqual(expect.arrayContaining(["Problem", "Run"]));
    const documented = Object.entries(openapi.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
    );
    const missing = ACCESS.map(({ method, path }) => `${method} ${path}`).filter(
      (route) => !documented.includes(route),
    );
    expect(missing.filter((route) => !/(events|live|produce|api\.json)$/.test(route))).toEqual([]);
    const asyncapi = await (await call("GET", "/api/asyncapi.json")).json<{ channels: Record<string, unknown> }>();
    expect(Object.keys(asyncapi.channels)).toEqual(["live", "produce", "workspace"]);
  });
});
