import { readFileSync } from "node:fs";
import { join } from "node:path";
import { consoleLine, expectStatus, type Api, type SentEvent } from "./api.ts";
import type { InspectedServer } from "./inspected-server.ts";
import { waitUntil } from "./wait-until.ts";

/** A run of each kind one can meet, made by real producers on a real server. By name, its id. */
export type RunsInEveryState = Record<
  | "queued"
  | "building"
  | "running"
  | "succeeded"
  | "failed"
  | "cancelled"
  | "stale"
  | "degraded"
  | "incomplete"
  | "damaged"
  | "parts"
  | "long"
  | "bare",
  string
>;

const stderr = (message: string): SentEvent => ({
  type: "console.line",
  payload: { stream: "stderr", message, level: "error" },
});
const step = (id: string, name: string, parent?: string): SentEvent => ({
  type: "step.started",
  step: id,
  payload: { name, ...(parent === undefined ? {} : { parent }) },
});
const stepEnd = (id: string, status: "succeeded" | "failed" | "skipped", ms: number): SentEvent => ({
  type: "step.completed",
  step: id,
  payload: { status, duration_ms: ms },
});

export async function makeRunsInEveryState(server: InspectedServer): Promise<RunsInEveryState> {
  const { api } = server;
  const stale = await makeStale(api);
  const failed = await makeFailed(api);
  const succeeded = await makeSucceeded(api);
  const damaged = await makeArchived(server, "import customers");
  await damage(server, damaged);
  const incomplete = await makeArchived(server, "weekly report");
  await server.bucket.delete(`workspaces/default/runs/${incomplete}/logs/events.ndjson`);
  const bare = (await api.createRun({ name: "hello" })).run_id;
  await api.add(bare, [
    consoleLine("hello"),
    { type: "run.completed", payload: { status: "succeeded", exit_code: 0 } },
  ]);
  const cancelled = await makeCancelled(api);
  const degraded = await makeDegraded(server);
  const building = (await api.createRun({ name: "deploy preview", workflow_id: "deploy" })).run_id;
  await api.add(building, [{ type: "build.started", payload: { reason: "no image for this commit" } }]);
  const running = await makeRunning(api);
  const parts = await makeParts(api);
  const long = await makeLong(api);
  const queued = (await api.createRun({ name: "nightly etl", workflow_id: "etl", labels: { region: "eu" } })).run_id;
  await waitUntil("the producer is missed", async () => (await api.run(stale)).stale, { timeoutMs: 30_000 });
  return {
    queued,
    building,
    running,
    succeeded,
    failed,
    cancelled,
    stale,
    degraded,
    incomplete,
    damaged,
    parts,
    long,
    bare,
  };
}

/** What keeps a run's page from ever being empty: every tab has something in it. */
async function makeSucceeded(api: Api): Promise<string> {
  const { run_id: runId } = await api.createRun({
    name: "nightly etl",
    workflow_id: "etl",
    workflow_version: "14",
    labels: { region: "eu", branch: "main", team: "data" },
    parameters: { date: "2026-11-20", tables: ["orders", "customers"], full_refresh: false, limit: 1_200_000 },
  });
  const values = Array.from({ length: 60 }, (_, at) => 2.4 * Math.exp(-at / 18) + 0.12 * Math.sin(at));
  await api.add(runId, [
    { type: "run.started", payload: { command: ["python", "etl.py"], host: "worker-3" } },
    step("extract", "Extract"),
    step("orders", "orders.csv", "extract"),
    consoleLine("\u001b[36mreading\u001b[0m orders.csv"),
    stepEnd("orders", "succeeded", 21_400),
    step("customers", "customers.csv", "extract"),
    ...Array.from({ length: 40 }, (_, n) => consoleLine(`batch ${n + 1}: ${1000 * (n + 1)} rows`)),
    stepEnd("customers", "succeeded", 12_900),
    stepEnd("extract", "succeeded", 35_000),
    step("check", "Check"),
    {
      type: "run.validation.issue",
      payload: {
        severity: "warning",
        code: "ROW_SKIPPED",
        message: "negative price",
        file: "orders.csv",
        row: 1204,
        field: "price",
      },
    },
    {
      type: "run.validation.issue",
      payload: {
        severity: "warning",
        code: "ROW_SKIPPED",
        message: "negative price",
        file: "orders.csv",
        row: 5120,
        field: "price",
      },
    },
    {
      type: "run.validation.issue",
      payload: {
        severity: "info",
        code: "NEW_COLUMN",
        message: "column “coupon” was not there yesterday",
        file: "orders.csv",
        line: 1,
      },
    },
    {
      type: "run.validation.issue",
      payload: {
        severity: "error",
        code: "MISSING_KEY",
        message: "3 orders name a customer that does not exist",
        file: "orders.csv",
      },
    },
    stepEnd("check", "succeeded", 4_100),
    step("load", "Load"),
    ...values.flatMap((value, at) => [
      { type: "metric.recorded", payload: { name: "lag", value, unit: "s", at } },
      { type: "metric.recorded", payload: { name: "rows per second", value: 900 + 40 * Math.cos(at / 4) } },
    ]),
    { type: "run.table.summary", payload: { table_id: "orders", row_count: 1_200_000, source_file: "orders.csv" } },
    stepEnd("load", "succeeded", 61_000),
    step("notify", "Notify"),
    stepEnd("notify", "skipped", 0),
    consoleLine("\u001b[32mdone\u001b[0m"),
  ]);
  await putArtifact(api, runId, "report.txt", "text/plain", "orders     1,200,000\ncustomers     48,113\n");
  await putArtifact(
    api,
    runId,
    "chart.png",
    "image/png",
    readFileSync(join(import.meta.dirname, "../../docs/images/run.png")),
  );
  await putArtifact(api, runId, "dump.bin", "application/octet-stream", new Uint8Array(4_000));
  expectStatus(await api.ask("PATCH", `/api/runs/${runId}`, { body: { pinned: true } }), 200);
  await api.add(runId, [{ type: "run.completed", payload: { status: "succeeded", exit_code: 0 } }]);
  return runId;
}

async function putArtifact(
  api: Api,
  runId: string,
  name: string,
  type: string,
  bytes: string | Uint8Array,
): Promise<void> {
  const body = typeof bytes === "string" ? bytes : new Uint8Array(bytes);
  expectStatus(
    await api.ask("PUT", `/api/runs/${runId}/artifacts/${name}`, { body, headers: { "content-type": type } }),
    201,
  );
}

async function makeFailed(api: Api): Promise<string> {
  const { run_id: runId } = await api.createRun({
    name: "build web",
    labels: { branch: "fix/very-long-branch-name-of-somebody" },
  });
  await api.add(runId, [
    { type: "run.started", payload: { command: ["npm", "run", "build"] } },
    step("install", "Install"),
    ...Array.from({ length: 30 }, (_, n) => consoleLine(`added package ${n}`)),
    stepEnd("install", "succeeded", 42_000),
    step("compile", "Compile"),
    consoleLine("\u001b[1msrc/app.ts\u001b[0m:14:3 - \u001b[33mwarning\u001b[0m unused variable"),
    stderr("src/app.ts:20:11 - error TS2322: Type 'string' is not assignable to type 'number'."),
    stderr(""),
    stderr('20     const width: number = "12";'),
    stderr("             ~~~~~"),
    stderr("Found 1 error in src/app.ts:20"),
    {
      type: "run.validation.issue",
      payload: {
        severity: "error",
        code: "TS2322",
        message: "Type 'string' is not assignable to type 'number'.",
        file: "src/app.ts",
        line: 20,
        column: 11,
      },
    },
    stepEnd("compile", "failed", 31_000),
    {
      type: "run.completed",
      payload: { status: "failed", exit_code: 2, failure: { code: "COMPILE_ERROR", message: "1 error in src/app.ts" } },
    },
  ]);
  return runId;
}

async function makeRunning(api: Api): Promise<string> {
  const { run_id: runId } = await api.createRun({
    name: "train resnet",
    workflow_id: "training",
    labels: { gpu: "a100" },
  });
  await api.add(runId, [
    { type: "run.started", payload: { host: "gpu-2" } },
    step("data", "Load data"),
    stepEnd("data", "succeeded", 8_000),
    step("epochs", "Epochs"),
    ...Array.from({ length: 200 }, (_, n) => consoleLine(`step ${n}  loss ${(2 / (1 + n / 40)).toFixed(4)}`)),
    { type: "metric.recorded", payload: { name: "loss", value: 0.33 } },
    {
      type: "run.progress",
      payload: { percent: 64, items_processed: 640, items_total: 1000, message: "epoch 7 of 11" },
    },
  ]);
  return runId;
}

/** Longer than a page reads of it at once. */
async function makeLong(api: Api): Promise<string> {
  const { run_id: runId } = await api.createRun({ name: "reindex" });
  await api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: 6_500 }, (_, n) => consoleLine(`document ${n}`)),
  ]);
  await api.complete(runId);
  return runId;
}

/** Lines that came in parts: some ended, one replaced over and over, one still being written. */
async function makeParts(api: Api): Promise<string> {
  const { run_id: runId } = await api.createRun({ name: "fine-tune", workflow_id: "training" });
  const part = (message: string, stream = "stdout"): SentEvent => ({
    type: "console.line",
    payload: { stream, message, partial: true },
  });
  const erase = "\r\u001b[K";
  await api.add(runId, [
    { type: "run.started", payload: { command: ["python", "tune.py"] } },
    consoleLine("loading the base model"),
    part("shards "),
    ...Array.from({ length: 20 }, () => part(".")),
    consoleLine(" 20 of 20"),
    ...Array.from({ length: 60 }, (_, n) =>
      part(`${n === 0 ? "" : erase}download \u001b[32m${"━".repeat(n / 2)}\u001b[0m ${n} MB`),
    ),
    consoleLine(`${erase}download \u001b[32m${"━".repeat(30)}\u001b[0m 60 MB  done`),
    part("warm-up ", "stderr"),
    { type: "metric.recorded", payload: { name: "loss", value: 2.1 } },
    { type: "console.line", payload: { stream: "stderr", message: "took 4 s" } },
    ...Array.from({ length: 10 }, (_, n) => part(`${n === 0 ? "" : erase}epoch ${n} of 10`)),
  ]);
  return runId;
}

async function makeCancelled(api: Api): Promise<string> {
  const { run_id: runId } = await api.createRun({ name: "backfill 2025" });
  await api.add(runId, [{ type: "run.started", payload: {} }, consoleLine("january")]);
  expectStatus(await api.ask("POST", `/api/runs/${runId}/cancel?force=true`, { body: { reason: "wrong year" } }), 202);
  return runId;
}

async function makeStale(api: Api): Promise<string> {
  const { run_id: runId } = await api.createRun({
    name: "sync inventory",
    lease_seconds: 10,
    end_after_seconds: 86_400,
  });
  await api.add(runId, [{ type: "run.started", payload: {} }, consoleLine("page 1 of 40")]);
  return runId;
}

async function makeArchived(server: InspectedServer, name: string): Promise<string> {
  const { run_id: runId } = await server.api.createRun({ name });
  await server.api.add(runId, [
    { type: "run.started", payload: {} },
    ...Array.from({ length: 20 }, (_, n) => consoleLine(`record ${n}`)),
  ]);
  await server.api.complete(runId);
  await waitUntil("it is archived", async () => (await server.keys(runId)).includes("logs/manifest.json"), {
    timeoutMs: 60_000,
  });
  return runId;
}

/** Some bytes of two stored lines turn into others, as on a disk that goes bad. */
async function damage(server: InspectedServer, runId: string): Promise<void> {
  const key = `workspaces/default/runs/${runId}/logs/events.ndjson`;
  const object = await server.bucket.get(key);
  if (object === null) throw new Error("there is no archive to damage");
  const text = await object.text();
  await server.bucket.put(
    key,
    text.replace('{"sequence":9,', '{"sequence\u0000:9,').replace('{"sequence":10,', '{"sequence\u0000:10,'),
  );
}

/** The database refuses every write of this run: its index cannot be kept up with, and stays so. */
async function makeDegraded(server: InspectedServer): Promise<string> {
  const { run_id: runId } = await server.api.createRun({ name: "stream clicks" });
  const database = await server.server.miniflare.getD1Database("DB");
  await database
    .prepare(
      `CREATE TRIGGER refuse_writes BEFORE UPDATE ON runs WHEN NEW.run_id = '${runId}' BEGIN SELECT RAISE(ABORT, 'refused by a test'); END`,
    )
    .run();
  await server.api.add(runId, [{ type: "run.started", payload: {} }, consoleLine("click 1"), consoleLine("click 2")]);
  await waitUntil("it is degraded", async () => (await server.api.run(runId)).logging_degraded);
  return runId;
}
