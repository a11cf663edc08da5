import { createExecutionContext, evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { call, listen, ORIGIN, seedTokens, tokenOf, type Call } from "../test/workerd/api.ts";
import type { Problem, Run, RunList } from "../protocol/api.ts";
import { app } from "./app.ts";
import { append, archiveRun, endRun } from "../test/workerd/runs.ts";

const RUNS = "/api/workspaces/default/runs";
beforeAll(seedTokens);

async function create(
  json: unknown = {},
  headers: Record<string, string> = {},
): Promise<{ answer: Response; run: Run }> {
  const answer = await call("POST", RUNS, { as: "operator", json, headers });
  expect(answer.status).toBe(202);
  return { answer, run: await answer.json<Run>() };
}

const get = async (runId: string): Promise<Run> =>
  (await call("GET", `/api/runs/${runId}`, { as: "viewer" })).json<Run>();
const list = async (query = "limit=200"): Promise<Run[]> =>
  (await (await call("GET", `${RUNS}?${query}`, { as: "viewer" })).json<RunList>()).items;

describe("creating", () => {
  test("answers at once with the queued run, which is in the list already", async () => {
    const parameters = { clé: ["\u{1F680}", { deep: [null, 1.5, true] }], "": "empty" };
    const { answer, run } = await create({ name: "nightly", workflow_id: "etl", parameters, labels: { team: "data" } });
    expect(answer.headers.get("location")).toBe(`/api/runs/${run.run_id}`);
    expect(run).toMatchObject({
      status: "queued",
      name: "nightly",
      workflow_id: "etl",
      parameters,
      labels: { team: "data" },
      last_sequence: 1,
    });
    expect(run.watch_url).toBe(`${ORIGIN}/runs/${run.run_id}`);
    expect(await list()).toContainEqual(run);
    expect(await get(run.run_id)).toEqual(run);
  });

  test("[EVT3] [EVT4] parameters come back digit for digit, whatever their names, wherever a run is told", async () => {
    const parameters = String.raw`{"__proto__":{"a":1},"nested":{"__proto__":{"a":1}},"constructor":"c","\u0000":"\ud83d","id":12345678901234567890,"much":[1e400],"zero":-0}`;
    const watcher = listen(
      await call("GET", "/api/workspaces/default/live", { as: "viewer", headers: { upgrade: "websocket" } }),
    );
    const frames: string[] = [];
    watcher.socket.addEventListener("message", ({ data }) => void frames.push(String(data)));
    const request = (json: string): Call => ({
      as: "operator",
      body: `{"name":"digits","parameters":${json}}`,
      headers: { "content-type": "application/json", "idempotency-key": "digits" },
    });
    const told = `"parameters":${parameters}`;
    const created = await (await call("POST", RUNS, request(parameters))).text();
    expect(created).toContain(told);
    const { run_id } = JSON.parse(created);
    const tellers = [`/api/runs/${run_id}`, `${RUNS}?q=digits`, `/api/runs/${run_id}/events`];
    const allTell = async () => {
      for (const path of tellers) expect(await (await call("GET", path, { as: "viewer" })).text()).toContain(told);
    };
    await allTell();
    await vi.waitFor(() => expect(frames.find((frame) => frame.includes(run_id))).toContain(told), 10_000);
    watcher.socket.close();

    expect(JSON.parse(await (await call("POST", RUNS, request(parameters))).text()).run_id).toBe(run_id);
    // A double could not tell this identifier from the first.
    const other = await call("POST", RUNS, request(parameters.replace("7890", "7891")));
    expect(await other.json()).toMatchObject({ code: "IDEMPOTENCY_MISMATCH" });

    await evictDurableObject(env.RUNS.getByName(run_id));
    await allTell();
    await endRun(run_id);
    await allTell();
  });

  test("[ERR5] an unknown workspace is answered before its body is looked at", async () => {
    for (const body of ["{", '{"nope":1}', "x".repeat(5_000_000)]) {
      const answer = await call("POST", "/api/workspaces/none/runs", { as: "operator", body });
      expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([404, "WORKSPACE_NOT_FOUND"]);
    }
    expect((await call("POST", "/api/workspaces/none/runs", { as: "viewer", body: "{" })).status).toBe(403);
    expect((await call("POST", "/api/workspaces/none/runs", { body: "{" })).status).toBe(401);
  });

  test("without a body is a run without a name", async () => {
    const answer = await call("POST", RUNS, { as: "operator" });
    expect(answer.status).toBe(202);
    expect((await answer.json<Run>()).name).toBeNull();
  });

  test("two requests with one key and body at the same moment make one run", async () => {
    const key = { "idempotency-key": crypto.randomUUID() };
    const made = await Promise.all([
      create({ name: "once" }, key),
      create({ name: "once" }, key),
      create({ name: "once" }, key),
    ]);
    expect(new Set(made.map(({ run }) => run.run_id)).size).toBe(1);
    expect(new Set(made.map(({ answer }) => answer.headers.get("location"))).size).toBe(1);
    const [first] = made;
    expect((await list("q=once")).map(({ run_id }) => run_id)).toEqual([first?.run.run_id]);
    expect((await get(first?.run.run_id ?? "")).last_sequence).toBe(1);
  });

  test("the same key with another body is refused; another principal's key is another key", async () => {
    const key = { "idempotency-key": crypto.randomUUID() };
    const { run } = await create({ name: "a" }, key);
    const other = await call("POST", RUNS, { as: "operator", json: { name: "b" }, headers: key });
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({ code: "IDEMPOTENCY_MISMATCH" });
    const theirs = await call("POST", RUNS, { as: "administrator", json: { name: "a" }, headers: key });
    expect((await theirs.json<Run>()).run_id).not.toBe(run.run_id);
  });

  test("a repeat after the run has ended finds it; after its deletion, or a day, it makes a new one", async () => {
    const key = { "idempotency-key": crypto.randomUUID() };
    const { run } = await create({}, key);
    await endRun(run.run_id);
    const repeated = await create({}, key);
    expect([repeated.run.run_id, repeated.run.status]).toEqual([run.run_id, "succeeded"]);

    expect((await call("DELETE", `/api/runs/${run.run_id}`, { as: "administrator" })).status).toBe(204);
    const second = await create({}, key);
    expect(second.run.run_id).not.toBe(run.run_id);

    await env.DB.prepare("UPDATE idempotency_keys SET created_at_ms = 1").run();
    expect((await create({}, key)).run.run_id).not.toBe(second.run.run_id);
  });
});

test("a run made with stream=true is answered with its events; when its log is gone, a repeat of the request is 410", async () => {
  const key = { "idempotency-key": crypto.randomUUID() };
  const ask = () => call("POST", `${RUNS}?stream=true`, { as: "operator", json: {}, headers: key });
  const answer = await ask();
  expect([answer.status, answer.headers.get("content-type")]).toEqual([202, "text/event-stream"]);
  const runId = (answer.headers.get("location") ?? "").slice("/api/runs/".length);
  await archiveRun(runId);
  expect(await answer.text()).toMatch(/^id: 3$[^]*^event: end$/m);

  await env.ARCHIVE.delete(`workspaces/default/runs/${runId}/logs/events.ndjson`);
  const again = await ask();
  expect([again.status, (await again.json<Problem>()).code]).toEqual([410, "LOG_INCOMPLETE"]);
  expect(again.headers.get("location")).toBeNull();
});

describe("a run's life as the API shows it", () => {
  test("the end is shown at once in the run, the list and the summary", async () => {
    const { run } = await create({ name: "life" });
    await append(run.run_id, { type: "console.line", payload: { stream: "stdout", message: "one" } });
    expect((await get(run.run_id)).status).toBe("running");
    expect((await list("status=running&q=life")).map(({ run_id }) => run_id)).toEqual([run.run_id]);
    expect((await endRun(run.run_id, "failed")).status).toBe(200);
    expect(await get(run.run_id)).toMatchObject({ status: "failed" });
    expect(await list("status=running&q=life")).toEqual([]);
    expect((await list("status=failed&q=life")).map(({ run_id }) => run_id)).toEqual([run.run_id]);
    const summary = await call("GET", `/api/runs/${run.run_id}/summary`, { as: "viewer" });
    expect(await summary.json()).toMatchObject({ status: "failed" });
  });

  test("the filter aliases mean what other tools mean by them", async () => {
    const { run } = await create({ name: "alias" });
    await endRun(run.run_id);
    expect((await list("status=completed&q=alias")).map(({ status }) => status)).toEqual(["succeeded"]);
    expect(await list("status=canceled&q=alias")).toEqual([]);
  });

  test("cancelling: 202, again 200, and 409 once it has ended another way", async () => {
    const cancel = (runId: string, query = "") =>
      call("POST", `/api/runs/${runId}/cancel${query}`, { as: "operator", json: { reason: "enough" } });
    const { run } = await create();
    expect((await cancel(run.run_id, "?force=true")).status).toBe(202);
    expect((await get(run.run_id)).status).toBe("cancelled");
    expect((await cancel(run.run_id)).status).toBe(200);

    const ended = await create();
    await endRun(ended.run.run_id);
    const refused = await cancel(ended.run.run_id);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ code: "RUN_NOT_CANCELLABLE" });
  });

  test("a heartbeat is heard while the run is open", async () => {
    const { run } = await create();
    const beat = () => call("POST", `/api/runs/${run.run_id}/heartbeat`, { as: "operator" });
    const heard = await beat();
    expect(heard.status).toBe(200);
    expect(await heard.json()).toEqual({ control: [] });
    await endRun(run.run_id);
    expect((await beat()).status).toBe(409);
  });
});

describe("deleting", () => {
  test("an open run is refused", async () => {
    const { run } = await create();
    const answer = await call("DELETE", `/api/runs/${run.run_id}`, { as: "administrator" });
    expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([409, "RUN_OPEN"]);
  });

  test("of an ended run nothing is left", async () => {
    const { run } = await create();
    await append(run.run_id, { type: "console.line", payload: { stream: "stdout", message: "one" } });
    await endRun(run.run_id);
    const prefix = `workspaces/default/runs/${run.run_id}/`;
    await env.ARCHIVE.put(`${prefix}artifacts/report.txt`, "x");
    expect((await call("DELETE", `/api/runs/${run.run_id}`, { as: "administrator" })).status).toBe(204);

    expect((await call("GET", `/api/runs/${run.run_id}`, { as: "viewer" })).status).toBe(404);
    expect((await call("DELETE", `/api/runs/${run.run_id}`, { as: "administrator" })).status).toBe(404);
    expect((await env.ARCHIVE.list({ prefix })).objects).toEqual([]);
    expect(await env.DB.prepare("SELECT * FROM runs WHERE run_id = ?").bind(run.run_id).first()).toBeNull();
    expect((await list()).map(({ run_id }) => run_id)).not.toContain(run.run_id);
    expect(
      (await append(run.run_id, { type: "console.line", payload: { stream: "stdout", message: "late" } })).status,
    ).toBe(404);
  });
});

describe("workspaces", () => {
  test("creating may be repeated, and changes nothing that is there", async () => {
    const put = (json: object) => call("PUT", "/api/workspaces/lab", { as: "administrator", json });
    const first = await put({ name: "The lab" });
    expect(first.status).toBe(201);
    const again = await put({ name: "Another" });
    expect(again.status).toBe(200);
    expect(await again.json()).toEqual(await first.json());
    const { items } = await (
      await call("GET", "/api/workspaces", { as: "viewer" })
    ).json<{ items: { workspace_id: string }[] }>();
    expect(items.map(({ workspace_id }) => workspace_id)).toEqual(["default", "lab"]);
  });

  test("a run of one is in no list of another", async () => {
    await call("PUT", "/api/workspaces/apart", { as: "administrator" });
    const { run } = await create({ name: "mine" });
    const { items } = await (await call("GET", "/api/workspaces/apart/runs", { as: "viewer" })).json<RunList>();
    expect(items.map(({ run_id }) => run_id)).not.toContain(run.run_id);
  });
});

test("the host is checked when names are given", async () => {
  const ask = (url: string) => {
    const request = new Request(`${url}/api/workspaces`, { headers: { authorization: `Bearer ${tokenOf("viewer")}` } });
    return app.fetch(request, { ...env, ALLOWED_HOSTS: "127.0.0.1:8787, localhost:8787" }, createExecutionContext());
  };
  expect((await ask("http://127.0.0.1:8787")).status).toBe(200);
  expect((await ask("http://localhost:8787")).status).toBe(200);
  const refused = await ask("http://evil.example:8787");
  expect([refused.status, (await refused.json<{ code: string }>()).code]).toEqual([421, "HOST_REFUSED"]);
});
