import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { ROLES, type Role } from "../protocol/api.ts";
import { call, seedTokens, tokenOf, type Call } from "../test/workerd/api.ts";
import { archiveRun, createRun } from "../test/workerd/runs.ts";
import { ACCESS } from "./access.ts";
import { app } from "./app.ts";

/**
 * What each route answers to whom, asked of things that exist: every route of the access table has a row here, and a row says again who may call it,
 * so that neither a new route nor a changed one goes by unseen.
 */
type Row = {
  caller: "open" | Role;
  /** Which run it is asked of; `ended` is archived, its object empty. */
  of?: "open" | "ended";
  request?: Omit<Call, "as">;
  /** What it answers to who may. */
  answers: number;
};

const json = (body: unknown): Omit<Call, "as"> => ({ json: body });
const upgrade = { headers: { upgrade: "websocket" } };
const ROWS: Record<string, Row> = {
  "GET /api/health": { caller: "open", answers: 200 },
  "GET /api/limits": { caller: "open", answers: 200 },
  "GET /api/metrics": { caller: "operator", answers: 200 },
  "GET /api/signing-key": { caller: "open", answers: 200 },
  "GET /api/openapi.json": { caller: "open", answers: 200 },
  "GET /api/asyncapi.json": { caller: "open", answers: 200 },
  "POST /api/session": { caller: "open", request: json({ token: tokenOf("viewer") }), answers: 204 },
  "GET /api/session": { caller: "viewer", answers: 200 },
  "DELETE /api/session": { caller: "viewer", answers: 204 },
  "GET /api/workspaces": { caller: "viewer", answers: 200 },
  "PUT /api/workspaces/:ws": { caller: "administrator", request: json({ name: "again" }), answers: 200 },
  "GET /api/workspaces/:ws/live": { caller: "viewer", request: upgrade, answers: 101 },
  "GET /api/workspaces/:ws/runs": { caller: "viewer", answers: 200 },
  "POST /api/workspaces/:ws/runs": { caller: "operator", request: json({ name: "made" }), answers: 202 },
  "GET /api/workspaces/:ws/stats": { caller: "viewer", answers: 200 },
  "GET /api/runs/:id": { caller: "viewer", answers: 200 },
  "PATCH /api/runs/:id": { caller: "operator", request: json({ pinned: true }), answers: 200 },
  "DELETE /api/runs/:id": { caller: "administrator", of: "ended", answers: 204 },
  "GET /api/runs/:id/artifacts": { caller: "viewer", answers: 200 },
  "GET /api/runs/:id/artifacts/:name": { caller: "viewer", answers: 200 },
  "PUT /api/runs/:id/artifacts/:name": { caller: "operator", request: { body: "the file" }, answers: 200 },
  "GET /api/runs/:id/summary": { caller: "viewer", answers: 200 },
  "GET /api/runs/:id/events": { caller: "viewer", of: "ended", answers: 200 },
  "POST /api/runs/:id/events": {
    caller: "operator",
    request: { body: "a line\n", headers: { "content-type": "text/plain" } },
    answers: 200,
  },
  "GET /api/runs/:id/metrics": { caller: "viewer", of: "ended", answers: 200 },
  "GET /api/runs/:id/search": { caller: "viewer", of: "ended", answers: 200 },
  "GET /api/runs/:id/live": { caller: "viewer", request: upgrade, answers: 101 },
  "GET /api/runs/:id/share": { caller: "viewer", answers: 200 },
  "GET /api/runs/:id/badge.svg": { caller: "viewer", answers: 200 },
  "GET /api/runs/:id/produce": { caller: "operator", request: upgrade, answers: 101 },
  "GET /api/runs/:id/manifest": { caller: "viewer", of: "ended", answers: 200 },
  "POST /api/runs/:id/verify": { caller: "viewer", of: "ended", answers: 200 },
  "POST /api/runs/:id/cancel": { caller: "operator", request: json({}), answers: 202 },
  "POST /api/runs/:id/heartbeat": { caller: "operator", answers: 200 },
};

const UNKNOWN = "0194a8e0-0000-7000-8000-000000000000";
const WS = "roles";
beforeAll(async () => {
  await seedTokens();
  await call("PUT", `/api/workspaces/${WS}`, { as: "administrator", json: { name: "Roles" } });
});

async function run(kind: "open" | "ended"): Promise<string> {
  const { run_id } = await createRun({ name: "kept" }, WS);
  await call("PUT", `/api/runs/${run_id}/artifacts/file`, { as: "operator", body: "the file" });
  if (kind === "ended") await archiveRun(run_id);
  return run_id;
}

const pathFor = (path: string, runId: string): string =>
  path
    .replace(":ws", WS)
    .replace(":id", runId)
    .replace(":name", "file")
    .replace("/search", "/search?q=x")
    .replace(/(\/runs\/[^/]+\/metrics)$/, "$1?name=x")
    .replace("/produce", "/produce?producer_id=p&producer_epoch=0");

/** Everything that is stored of anything, in D1 and in R2. Who signed in is bookkeeping of the server's own. */
async function everything(): Promise<unknown> {
  const tables = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%' AND name NOT IN ('sessions', 'sign_in_attempts') ORDER BY name",
  ).all<{ name: string }>();
  const rows: Record<string, unknown[]> = {};
  for (const { name } of tables.results) rows[name] = (await env.DB.prepare(`SELECT * FROM ${name}`).all()).results;
  const { objects } = await env.ARCHIVE.list();
  return { rows, keys: objects.map(({ key, etag }) => [key, etag]) };
}

const mayCall = (role: Role, row: Row): boolean =>
  row.caller === "open" || ROLES.indexOf(role) >= ROLES.indexOf(row.caller);

async function finish(answer: Response): Promise<Response> {
  answer.webSocket?.accept();
  answer.webSocket?.close();
  return answer;
}

test("the access table and the application have the same routes", () => {
  const routes = new Set(
    app.routes
      .filter(({ method, path }) => method !== "ALL" && path.startsWith("/api/"))
      .map(({ method, path }) => `${method} ${path}`),
  );
  expect([...routes].toSorted()).toEqual(ACCESS.map(({ method, path }) => `${method} ${path}`).toSorted());
});

test("every route has its row, no row is without a route, and both say the same of who may call it", () => {
  const rows = Object.entries(ROWS).map(([route, { caller }]) => `${route}: ${caller}`);
  expect(rows.toSorted()).toEqual(ACCESS.map(({ method, path, caller }) => `${method} ${path}: ${caller}`).toSorted());
});

describe.each(Object.entries(ROWS))("%s", (route, row) => {
  const [method = "", path = ""] = route.split(" ");
  const ask = async (as: Role | undefined, runId: string): Promise<Response> =>
    finish(await call(method, pathFor(path, runId), { ...row.request, ...(as === undefined ? {} : { as }) }));

  test("a stranger learns nothing: the same of what exists and what does not", async () => {
    const runId = await run(row.of ?? "open");
    const before = await everything();
    const answers = await Promise.all([runId, UNKNOWN, "no-run"].map((id) => ask(undefined, id)));
    if (row.caller === "open") {
      for (const answer of answers) expect(answer.status).toBe(row.answers);
      return;
    }
    const told = await Promise.all(
      answers.map(async (answer) => {
        const { request_id: _request, ...body } = await answer.json<Record<string, unknown>>();
        // An id of its own and the time it took have nothing to do with what was asked for.
        const headers = [...answer.headers].filter(([name]) => name !== "x-request-id" && name !== "server-timing");
        return { status: answer.status, body, headers };
      }),
    );
    expect(told[0]).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
    for (const other of told) expect(other).toEqual(told[0]);
    expect(await everything()).toEqual(before);
  });

  test.each(ROLES)("the %s", async (role) => {
    const runId = await run(row.of ?? "open");
    const before = await everything();
    const answer = await ask(role, runId);
    if (mayCall(role, row)) {
      expect(answer.status).toBe(row.answers);
    } else {
      expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([403, "FORBIDDEN"]);
    }
    await answer.body?.cancel().catch(() => {});
    // Whoever may only look has changed nothing, whatever was asked.
    if (role === "viewer") expect(await everything()).toEqual(before);
  });
});

const ofRuns = Object.entries(ROWS).filter(([route]) => route.includes(":id"));
test.each(ofRuns)("%s: an unknown run is 404 for who may, and 403 as any other for who may not", async (route, row) => {
  const [method = "", path = ""] = route.split(" ");
  for (const role of ROLES) {
    const answer = await call(method, pathFor(path, UNKNOWN), { ...row.request, as: role });
    const expected = mayCall(role, row) ? [404, "RUN_NOT_FOUND"] : [403, "FORBIDDEN"];
    expect([role, answer.status, (await answer.json<{ code: string }>()).code]).toEqual([role, ...expected]);
  }
});
