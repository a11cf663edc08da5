import { beforeAll, describe, expect, test, vi } from "vitest";
import type { CreateRun, Run, RunList } from "../protocol/api.ts";
import { call, listen, seedTokens, tokenOf, type Call } from "../test/workerd/api.ts";
import { append, archiveRun, createRun, endRun } from "../test/workerd/runs.ts";

const RUNS = "/api/workspaces/default/runs";
beforeAll(seedTokens);

const patch = (runId: string, json: unknown, headers: Record<string, string> = {}, as: Call["as"] = "operator") =>
  call("PATCH", `/api/runs/${runId}`, { as, json, headers });
const get = (runId: string) => call("GET", `/api/runs/${runId}`, { as: "viewer" });
const list = async (query: string): Promise<string[]> => {
  const answer = await call("GET", `${RUNS}?${query}`, { as: "viewer" });
  return (await answer.json<RunList>()).items.map(({ run_id }) => run_id);
};

describe.each(["open", "ended"])("PATCH of a run that is %s", (state) => {
  const made = async (json: CreateRun): Promise<Run> => {
    const run = await createRun(json);
    if (state === "ended") await archiveRun(run.run_id);
    return run;
  };

  test("[PAT1] [PAT3] what is named changes, in the run, in lists and in filters; the log stays", async () => {
    const key = crypto.randomUUID();
    const run = await made({ name: `made ${key}`, labels: { team: "data", [key]: "1" } });
    const head = (await (await get(run.run_id)).json<Run>()).last_sequence;
    const answer = await patch(run.run_id, { labels: { [key]: "a:b", ü: "x" }, pinned: true });
    expect(answer.status).toBe(200);
    const edited = await answer.json<Run>();
    expect(edited).toMatchObject({ name: `made ${key}`, labels: { [key]: "a:b", ü: "x" }, pinned: true });
    expect(await (await get(run.run_id)).json()).toEqual(edited);
    expect(await list(`label=${key}:a:b&label=${encodeURIComponent("ü")}:x&pinned=true`)).toEqual([run.run_id]);
    expect(await list(`label=${key}:1`)).toEqual([]);
    expect(await list(`label=${key}:a:b&label=team:data`)).toEqual([]);
    await patch(run.run_id, { name: null });
    expect(await (await get(run.run_id)).json()).toMatchObject({ name: null, pinned: true });
    expect(await list(`q=${key}`)).toEqual([]);
    expect((await (await get(run.run_id)).json<Run>()).last_sequence).toBe(head);
    if (state === "ended") return;
    await archiveRun(run.run_id);
    expect(await (await get(run.run_id)).json()).toMatchObject({ name: null, pinned: true, status: "succeeded" });
  });

  test("[PAT2] the ETag is that of the details: another If-Match is refused, and of two edits at once one", async () => {
    const run = await made({ name: "tagged" });
    const tag = (await get(run.run_id)).headers.get("etag") ?? "";
    expect(tag).toMatch(/^"[0-9a-f]{32}"$/);
    if (state === "open") await append(run.run_id, { type: "run.progress", payload: { percent: 5 } });
    expect((await get(run.run_id)).headers.get("etag")).toBe(tag);

    for (const stale of ['"other"', `W/${tag}`]) {
      const refused = await patch(run.run_id, { pinned: true }, { "if-match": stale });
      expect([refused.status, (await refused.json<{ code: string }>()).code]).toEqual([412, "PRECONDITION_FAILED"]);
    }
    expect(await (await get(run.run_id)).json()).toMatchObject({ pinned: false });

    const answers = await Promise.all(
      ["a", "b", "c"].map((name) => patch(run.run_id, { name }, { "if-match": `"other", ${tag}` })),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412, 412]);
    const won = answers.find(({ status }) => status === 200);
    const now = await get(run.run_id);
    expect(now.headers.get("etag")).toBe(won?.headers.get("etag"));
    expect(now.headers.get("etag")).not.toBe(tag);
    expect(await now.json()).toEqual(await won?.json());
    expect((await patch(run.run_id, {}, { "if-match": "*" })).status).toBe(200);
  });

  test("[PAT3] edits of different fields at the same moment all stand", async () => {
    const run = await made({});
    const answers = await Promise.all([
      patch(run.run_id, { name: "both" }),
      patch(run.run_id, { pinned: true }),
      patch(run.run_id, { labels: { a: "1" } }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await (await get(run.run_id)).json()).toMatchObject({ name: "both", pinned: true, labels: { a: "1" } });
  });

  test("[PAT3] the workspace's socket tells it", async () => {
    const run = await made({ name: "watched" });
    const headers = { upgrade: "websocket", authorization: `Bearer ${tokenOf("viewer")}` };
    const heard = listen(await call("GET", "/api/workspaces/default/live", { headers }));
    await patch(run.run_id, { pinned: true });
    await vi.waitFor(
      () =>
        expect(heard.frames).toContainEqual({
          op: "run",
          run: expect.objectContaining({ run_id: run.run_id, name: "watched", pinned: true }),
        }),
      10_000,
    );
    heard.socket.close();
  });

  test.each<[string, unknown, Record<string, string>, number, string]>([
    ["an unknown field", { status: "failed" }, {}, 422, "INVALID_BODY"],
    ["an empty name", { name: "" }, {}, 422, "INVALID_BODY"],
    ["a name too long", { name: "x".repeat(201) }, {}, 422, "INVALID_BODY"],
    ["pinned that is no truth", { pinned: 1 }, {}, 422, "INVALID_BODY"],
    ["a label that is no text", { labels: { a: 1 } }, {}, 422, "INVALID_BODY"],
    [
      "too many labels",
      { labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, ""])) },
      {},
      422,
      "INVALID_BODY",
    ],
    ["labels of null", { labels: null }, {}, 422, "INVALID_BODY"],
    ["an If-Match that cannot be read", { pinned: true }, { "if-match": "x" }, 400, "INVALID_QUERY"],
    ["another content type", { pinned: true }, { "content-type": "text/plain" }, 415, "UNSUPPORTED_MEDIA_TYPE"],
  ])("refused: %s", async (_what, json, headers, status, code) => {
    const run = await made({ name: "kept" });
    const answer = await patch(run.run_id, json, headers);
    expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([status, code]);
    expect(await (await get(run.run_id)).json()).toMatchObject({ name: "kept", labels: {}, pinned: false });
  });

  test("a viewer may not, and a deleted run is not there", async () => {
    const run = await made({});
    expect((await patch(run.run_id, { pinned: true }, {}, "viewer")).status).toBe(403);
    if (state === "open") await endRun(run.run_id);
    expect((await call("DELETE", `/api/runs/${run.run_id}`, { as: "administrator" })).status).toBe(204);
    expect((await patch(run.run_id, { pinned: true })).status).toBe(404);
  });
});
