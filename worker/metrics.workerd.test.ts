import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, test, vi } from "vitest";
import type { Run } from "../protocol/api.ts";
import { parseExposition, type Series } from "../test/support/exposition.ts";
import { call, listen, seedTokens } from "../test/workerd/api.ts";

beforeAll(seedTokens);

const scrape = async (): Promise<Series[]> => {
  const answer = await call("GET", "/api/metrics", { as: "operator" });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return parseExposition(await answer.text());
};

const valuesOf = async (workspace: string): Promise<Record<string, number>> =>
  Object.fromEntries(
    (await scrape())
      .filter(({ labels }) => labels["workspace"] === workspace)
      .map(({ name, labels: { workspace: _workspace, ...labels }, value }) => [
        [name.replace("runcast_", ""), ...Object.values(labels)].join(" "),
        value,
      ]),
  );

async function newWorkspace(): Promise<{ ws: string; create: () => Promise<string> }> {
  const ws = `m-${crypto.randomUUID().slice(0, 8)}`;
  await call("PUT", `/api/workspaces/${ws}`, { as: "administrator" });
  return {
    ws,
    create: async () => {
      const answer = await call("POST", `/api/workspaces/${ws}/runs`, { as: "operator", json: {} });
      return (await answer.json<Run>()).run_id;
    },
  };
}

const append = async (runId: string, body: string): Promise<void> => {
  const headers = { "content-type": "application/x-ndjson" };
  expect((await call("POST", `/api/runs/${runId}/events`, { as: "operator", headers, body })).status).toBe(200);
};
const end = (status: string): string => `{"type":"run.completed","payload":{"status":"${status}"}}`;

test("a stranger and a viewer get nothing; nothing but GET is known", async () => {
  expect((await call("GET", "/api/metrics")).status).toBe(401);
  const viewer = await call("GET", "/api/metrics", { as: "viewer" });
  expect([viewer.status, (await viewer.json<{ code: string }>()).code]).toEqual([403, "FORBIDDEN"]);
  expect((await call("GET", "/api/metrics", { as: "administrator" })).status).toBe(200);
  expect((await call("POST", "/api/metrics", { as: "operator" })).status).toBe(405);
});

test("[MET1] runs, events, watchers and what is not in the archive yet are counted, each workspace for itself", async () => {
  const { ws, create } = await newWorkspace();
  const other = await newWorkspace();
  const [open, succeeded, failed] = [await create(), await create(), await create()];
  await append(open, "one\ntwo\nthree\n");
  await append(succeeded, end("succeeded"));
  await append(failed, end("failed"));
  const socket = listen(
    await call("GET", `/api/runs/${open}/live`, { as: "viewer", headers: { upgrade: "websocket" } }),
  );
  const bytes = async (runId: string): Promise<number> =>
    (await (await call("GET", `/api/runs/${runId}`, { as: "viewer" })).json<Run>()).event_bytes;

  await vi.waitFor(
    async () =>
      expect(await valuesOf(ws)).toEqual({
        "runs queued": 0,
        "runs building": 0,
        "runs running": 1,
        "runs succeeded": 1,
        "runs failed": 1,
        "runs cancelled": 0,
        // run.queued, run.started and three lines; queued, started and completed twice.
        events: 5 + 3 + 3,
        event_bytes: (await bytes(open)) + (await bytes(succeeded)) + (await bytes(failed)),
        appends: 3,
        "skipped line": 0,
        "skipped run_row": 0,
        incomplete_runs: 0,
        watchers: 1,
        unflushed_bytes: await bytes(open),
        unreported_runs: 0,
        degraded_runs: 0,
        stale_runs: 0,
        live_list_up: 1,
      }),
    { timeout: 5_000, interval: 100 },
  );
  expect(await valuesOf(other.ws)).toMatchObject({ "runs running": 0, events: 0, watchers: 0, live_list_up: 1 });

  socket.socket.close(1000, "");
  await vi.waitFor(async () => expect(await valuesOf(ws)).toMatchObject({ watchers: 0 }), {
    timeout: 5_000,
    interval: 100,
  });

  // A live list that began anew does not know what runs weigh, and says so until they tell it.
  await evictDurableObject(env.WORKSPACES.getByName(ws));
  expect(await valuesOf(ws)).toMatchObject({ "runs running": 1, unreported_runs: 1, unflushed_bytes: 0, appends: 2 });
  await append(open, "four");
  await vi.waitFor(
    async () => expect(await valuesOf(ws)).toMatchObject({ unreported_runs: 0, events: 12, appends: 4 }),
    {
      timeout: 5_000,
      interval: 100,
    },
  );
});

test("what a list shows is told once: a watcher that comes or goes is no news of the run", async () => {
  const { ws, create } = await newWorkspace();
  const open = await create();
  await append(open, "one");
  const list = listen(
    await call("GET", `/api/workspaces/${ws}/live`, { as: "viewer", headers: { upgrade: "websocket" } }),
  );
  await vi.waitFor(async () => expect(await valuesOf(ws)).toMatchObject({ unreported_runs: 0, events: 3 }), {
    timeout: 5_000,
  });
  const told = list.frames.length;
  const live = { as: "viewer" as const, headers: { upgrade: "websocket" } };
  const watcher = listen(await call("GET", `/api/runs/${open}/live`, live));
  await vi.waitFor(async () => expect(await valuesOf(ws)).toMatchObject({ watchers: 1 }), { timeout: 5_000 });
  expect(list.frames.slice(told)).toEqual([]);
  watcher.socket.close(1000, "");
  list.socket.close(1000, "");
});
