import { createExecutionContext, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, test, vi } from "vitest";
import type { Run } from "../protocol/api.ts";
import { call, ORIGIN, seedTokens, tokenOf } from "../test/workerd/api.ts";
import { D1Artifacts } from "../storage/d1-artifacts.ts";
import { D1RunIndex } from "../storage/d1-run-index.ts";
import { R2Artifacts } from "../storage/r2-artifacts.ts";
import { indexed } from "../storage/run-index.contract.ts";
import { app } from "./app.ts";
import type { Env } from "./env.ts";
import { append, archiveRun } from "../test/workerd/runs.ts";

beforeAll(seedTokens);

/** Everything that is stored: all rows of all tables, all keys, and what the run's object holds. */
async function everything(
  runId: string | null,
): Promise<{ rows: Record<string, unknown[]>; keys: string[]; object: unknown[] }> {
  const tables = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%' ORDER BY name",
  ).all<{ name: string }>();
  const rows: Record<string, unknown[]> = {};
  for (const { name } of tables.results) rows[name] = (await env.DB.prepare(`SELECT * FROM ${name}`).all()).results;
  const { objects } = await env.ARCHIVE.list();
  const object =
    runId === null
      ? []
      : await runInDurableObject(env.RUNS.getByName(runId), async (_object, { storage }) => [
          ...storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf_%'").toArray(),
          ...((await storage.getAlarm()) === null ? [] : ["an alarm"]),
        ]);
  return { rows, keys: objects.map(({ key }) => key), object };
}

/** An ended run that has one of everything: log, labels, an idempotency key, artifacts of before and after the end, an upload left behind. */
async function fullRun(): Promise<string> {
  const made = await call("POST", "/api/workspaces/default/runs", {
    as: "operator",
    json: { name: "full", labels: { a: "b" } },
    headers: { "idempotency-key": crypto.randomUUID() },
  });
  const { run_id: runId } = await made.json<Run>();
  await call("PUT", `/api/runs/${runId}/artifacts/before`, { as: "operator", body: "before" });
  await append(runId, { type: "run.started" });
  await archiveRun(runId);
  await call("PUT", `/api/runs/${runId}/artifacts/after`, { as: "operator", body: "after" });
  const address = { workspaceId: "default", runId };
  const uploadId = await new R2Artifacts(env.ARCHIVE, address).startUpload("left", "a/b");
  await new D1Artifacts(env.DB).begin({ run: address, name: "left", uploadId }, 1);
  return runId;
}

const remove = (runId: string) => call("DELETE", `/api/runs/${runId}`, { as: "administrator" });

/** As before, but for the id of the run, which stays so that nothing brings it back. */
async function expectNothingLeft(before: Awaited<ReturnType<typeof everything>>, runId: string): Promise<void> {
  const after = await everything(runId);
  const tombstones = after.rows["deleted_runs"] ?? [];
  expect(tombstones.filter((row) => JSON.stringify(row).includes(runId))).toHaveLength(1);
  delete after.rows["deleted_runs"];
  const { deleted_runs: _before, ...rows } = before.rows;
  expect(after).toEqual({ rows, keys: before.keys, object: [] });
}

test("[DEL1] of a run that has one of everything nothing is left: no row, no key, nothing in its object", async () => {
  const before = await everything(null);
  const runId = await fullRun();
  const between = await everything(runId);
  expect(between.keys.length).toBe(before.keys.length + 6);
  for (const table of ["runs", "artifacts", "artifact_uploads", "idempotency_keys"]) {
    expect(JSON.stringify(between.rows[table]), table).toContain(runId);
  }
  expect((await remove(runId)).status).toBe(204);
  await expectNothingLeft(before, runId);
  expect((await remove(runId)).status).toBe(404);
});

test("[DEL1] broken off before or after any of its steps, a deletion that is asked for again leaves nothing", async () => {
  let steps = 0;
  for (let diesAt = 1; ; diesAt += 1) {
    const before = await everything(null);
    const runId = await fullRun();
    const life = { steps: 0, diesAt };
    const request = new Request(`${ORIGIN}/api/runs/${runId}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${tokenOf("administrator")}` },
    });
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const answer = await app.fetch(request, mortalEnv(life), createExecutionContext());
    log.mockRestore();
    if (life.steps < diesAt) {
      expect(answer.status).toBe(204);
      await expectNothingLeft(before, runId);
      break;
    }
    expect(answer.status).toBe(500);
    steps += 1;
    expect([204, 404]).toContain((await remove(runId)).status);
    await expectNothingLeft(before, runId);
  }
  // Two for each: the caller, the row, the burial, the object, the uploads, the list and deletion of keys, the live list, the rows, the object.
  expect(steps).toBeGreaterThan(16);
});

/** The bindings of a server that dies at one of its calls, before it had its effect or after. */
function mortalEnv(life: { steps: number; diesAt: number }): Env {
  const targets = new WeakMap<object, object>();
  const targetOf = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(targetOf)
      : typeof value === "object" && value !== null
        ? (targets.get(value) ?? value)
        : value;
  const step = (): void => {
    life.steps += 1;
    if (life.steps >= life.diesAt) throw new Error("the server is dead");
  };
  const mortal = <Target extends object>(target: Target): Target => {
    const proxy = new Proxy(target, {
      get(_target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          const isStep = !["prepare", "bind", "getByName", "resumeMultipartUpload"].includes(String(name));
          if (isStep) step();
          const answer: unknown = Reflect.apply(value, target, args.map(targetOf));
          if (!isStep) return typeof answer === "object" && answer !== null ? mortal(answer) : answer;
          return Promise.resolve(answer).then((settled: unknown) => {
            step();
            return settled;
          });
        };
      },
    });
    targets.set(proxy, target);
    return proxy;
  };
  return {
    ...env,
    DB: mortal(env.DB),
    ARCHIVE: mortal(env.ARCHIVE),
    RUNS: mortal(env.RUNS),
    WORKSPACES: mortal(env.WORKSPACES),
  };
}

test("[DEL1] a deletion that took the only word of the run's end can be ended; a run that is open can not be deleted", async () => {
  const runId = await fullRun();
  // As D1 stands when it could not be written at the end, and the object was emptied by the deletion.
  await env.DB.prepare("UPDATE runs SET status = 'running', completed_at = NULL WHERE run_id = ?").bind(runId).run();
  const refused = await remove(runId);
  expect([refused.status, (await refused.json<{ code: string }>()).code]).toEqual([409, "RUN_OPEN"]);
  await new D1RunIndex(env.DB).bury(runId);
  expect((await remove(runId)).status).toBe(204);
  expect((await remove(runId)).status).toBe(404);
});

test("[DEL2] whatever comes late brings nothing back", async () => {
  const before = await everything(null);
  const runId = await fullRun();
  await remove(runId);
  const address = { workspaceId: "default", runId };
  const files = new R2Artifacts(env.ARCHIVE, address);
  const statuses = await Promise.all([
    call("PUT", `/api/runs/${runId}/artifacts/late`, { as: "operator", body: "late" }),
    call("PATCH", `/api/runs/${runId}`, { as: "operator", json: { pinned: true } }),
    call("POST", `/api/runs/${runId}/events`, {
      as: "operator",
      body: "late\n",
      headers: { "content-type": "text/plain" },
    }),
    call("POST", `/api/runs/${runId}/heartbeat`, { as: "operator" }),
    call("POST", `/api/runs/${runId}/cancel`, { as: "operator" }),
  ]);
  expect(statuses.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
  const index = new D1RunIndex(env.DB);
  await index.upsert(indexed({ run_id: runId, status: "succeeded" }, 1_000));
  await index.addOutputPath(runId, "late");
  const uploadId = await files.startUpload("late", "a/b");
  expect(await new D1Artifacts(env.DB).begin({ run: address, name: "late", uploadId }, 1)).toBe(false);
  await files.abortUpload("late", uploadId);
  await expectNothingLeft(before, runId);
});

test("[DEL2] a key whose run is deleted between its repeat and the look for it makes a new run", async () => {
  const key = crypto.randomUUID();
  const create = async (): Promise<Run> =>
    (
      await call("POST", "/api/workspaces/default/runs", {
        as: "operator",
        json: {},
        headers: { "idempotency-key": key },
      })
    ).json<Run>();
  const { run_id } = await create();
  const row = await env.DB.prepare("SELECT * FROM idempotency_keys WHERE run_id = ?").bind(run_id).first();
  await call("POST", `/api/runs/${run_id}/cancel?force=true`, { as: "operator" });
  expect((await remove(run_id)).status).toBe(204);
  await env.DB.prepare(
    "INSERT INTO idempotency_keys (principal_id, key, fingerprint, run_id, created_at_ms) VALUES (?, ?, ?, ?, ?)",
  )
    .bind(row?.["principal_id"], row?.["key"], row?.["fingerprint"], run_id, row?.["created_at_ms"])
    .run();
  const second = await create();
  expect(second.run_id).not.toBe(run_id);
  expect((await call("GET", `/api/runs/${second.run_id}`, { as: "viewer" })).status).toBe(200);
  expect((await everything(run_id)).object).toEqual([]);
});
