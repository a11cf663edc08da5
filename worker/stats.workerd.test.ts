import { env } from "cloudflare:workers";
import { beforeAll, expect, test } from "vitest";
import type { CreateRun, Run, RunList, Stats } from "../protocol/api.ts";
import type { IndexedRun } from "../core/ports.ts";
import { call, seedTokens } from "../test/workerd/api.ts";
import { statsOf } from "../storage/run-stats.ts";
import { statsDays, toWireStats } from "./workspace-stats.ts";
import { append, createRun } from "../test/workerd/runs.ts";

beforeAll(seedTokens);

async function workspace() {
  const ws = `w-${crypto.randomUUID().slice(0, 8)}`;
  await call("PUT", `/api/workspaces/${ws}`, { as: "administrator" });
  const create = (json: CreateRun = {}): Promise<Run> => createRun(json, ws);
  const stats = async (): Promise<Stats> => {
    const answer = await call("GET", `/api/workspaces/${ws}/stats`, { as: "viewer" });
    expect(answer.status).toBe(200);
    return answer.json<Stats>();
  };
  /** What the list says, added up. */
  const recomputed = async (): Promise<Stats> => {
    const answer = await call("GET", `/api/workspaces/${ws}/runs?limit=200`, { as: "viewer" });
    const { items } = await answer.json<RunList>();
    const rows = items.map(({ watch_url: _url, ...run }): IndexedRun => ({
      run: { ...run, parameters: "{}" },
      revision: 1,
      summary: null,
      appends: 0,
    }));
    const days = statsDays(Date.now());
    return toWireStats(statsOf(rows, days), [], days);
  };
  return { create, stats, recomputed };
}

const completed = (status: string) => ({ type: "run.completed", payload: { status } });

test("[STS1] at every step of many runs the numbers are what the list adds up to", async () => {
  const { create, stats, recomputed } = await workspace();
  expect(await stats()).toEqual(await recomputed());
  const lives: object[][][] = [
    [],
    [[{ type: "build.started" }]],
    [[{ type: "run.started" }], [completed("succeeded")]],
    [[completed("failed")]],
    [[{ type: "build.started" }], [completed("cancelled")]],
    [[{ type: "run.started" }], [{ type: "run.progress", payload: { percent: 3 } }], [completed("succeeded")]],
  ];
  for (const [n, life] of lives.entries()) {
    const run = await create(n % 2 === 0 ? { workflow_id: "etl" } : { workflow_id: `w${n}` });
    expect(await stats()).toEqual(await recomputed());
    for (const batch of life) {
      expect((await append(run.run_id, ...batch)).status).toBe(200);
      expect(await stats()).toEqual(await recomputed());
    }
  }
  const last = await stats();
  expect(last.counts).toEqual({ queued: 1, building: 1, running: 0, succeeded: 2, failed: 1, cancelled: 1 });
  expect([last.total, last.active, last.success_rate]).toEqual([6, 2, 0.5]);
  expect(last.runs_per_day.at(-1)?.count).toBe(6);
  expect(last.workflows).toContainEqual(expect.objectContaining({ workflow_id: "etl", total: 3 }));
});

test("[STS1] while D1 is behind, an open run counts as what it is", async () => {
  const { create, stats, recomputed } = await workspace();
  const run = await create({ workflow_id: "etl" });
  await append(run.run_id, { type: "run.started" });
  await env.DB.prepare("UPDATE runs SET status = 'queued', revision = 1 WHERE run_id = ?").bind(run.run_id).run();
  const now = await stats();
  expect(now.counts).toMatchObject({ queued: 0, running: 1 });
  expect(now.workflows).toMatchObject([{ last_status: "running" }]);
  expect(now).toEqual(await recomputed());
});

test("an unknown workspace has no numbers", async () => {
  const answer = await call("GET", "/api/workspaces/none/stats", { as: "viewer" });
  expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([404, "WORKSPACE_NOT_FOUND"]);
});
