import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build as bundle } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { WebSocket } from "ws";
import { build } from "../local/build.ts";
import { serve } from "../local/serve.ts";
import { openStateFolder } from "../local/state-folder.ts";
import { median, pause, print, quantileOf, whole } from "./figures.ts";
import { appendLoad, consoleLine, latencyLoad, type Target } from "./load.ts";
import { measureManyRuns } from "./many-runs.ts";
import { Runcast } from "./runcast.ts";
import { compareSlowArchive } from "./slow-archive.ts";
import { compareStalledWatchers } from "./stalled-watchers.ts";

/**
 * The numbers: `npm run bench`, or some of them: `npm run bench -- appends download`. Every figure stands beside the engine's limit or another peer, measured in the same run on the same machine; the
 * load generator shares its cores, so the rates are lower bounds.
 */
const TOKEN = "bench-administrator";
let rawObjects = 0;
const RUNS = Number(process.env["BENCH_RUNS"] ?? 3);

const data = mkdtempSync(join(tmpdir(), "runcast-bench-"));
await build();
// First: `serve` makes every later Miniflare of this process start the server's own runtime.
const raw = await startRaw(join(data, "raw"));
const server = await serve({
  folder: openStateFolder(join(data, "runcast")),
  tokens: { administrator: TOKEN, viewer: "bench-viewer" },
  port: 0,
});
const runcast = new Runcast(server.url, TOKEN);
const { authorization } = runcast;
const figures: Record<string, () => Promise<void>> = {
  appends: compareAppends,
  latency: compareLatency,
  cold: coldObjects,
  create: createAndList,
  download,
  "slow-archive": () => compareSlowArchive(RUNS),
  "many-runs": measureManyRuns,
  "stalled-watchers": () => compareStalledWatchers(RUNS),
};
try {
  const wanted = process.argv.slice(2);
  for (const [name, measure] of Object.entries(figures))
    if (wanted.length === 0 || wanted.includes(name)) await measure();
} finally {
  await raw.miniflare.dispose();
  await server.stop();
  rmSync(data, { recursive: true, force: true });
}

async function compareAppends(): Promise<void> {
  print("appends, one producer; ratio = Runcast / raw object, median of pairs", "");
  for (const [size, watchers, batches] of [
    [1, 0, 300],
    [50, 0, 300],
    [1000, 0, 60],
    [1, 100, 100],
    [50, 100, 100],
  ] as const) {
    const ratios: number[] = [];
    const ours: number[] = [];
    const delivered: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      const figures = await appendLoad(await runcast.newRun(), { batches, size, watchers });
      const limit = await appendLoad(rawTarget(raw.url), { batches, size, watchers });
      ours.push(figures.eventsPerSecond);
      delivered.push(figures.deliveredPerSecond);
      ratios.push(figures.eventsPerSecond / limit.eventsPerSecond);
    }
    const fanOut = watchers === 0 ? "" : `, delivered ${whole(median(delivered))}/s`;
    print(
      `  ${size} a batch, ${watchers} watchers`,
      `${whole(median(ours))} events/s, ratio ${median(ratios).toFixed(2)}${fanOut}`,
    );
  }
}

async function compareLatency(): Promise<void> {
  print("append → received, 50 single events/s, 100 watchers (ms)", "");
  for (const target of [await runcast.newRun(), rawTarget(raw.url)]) {
    const { p50, p95, p99 } = await latencyLoad(target, { perSecond: 50, seconds: 6, watchers: 100 });
    print(`  ${target.name}`, `p50 ${p50.toFixed(1)}  p95 ${p95.toFixed(1)}  p99 ${p99.toFixed(1)}`);
  }
}

/** R82: an evicted object answers from its log. */
async function coldObjects(): Promise<void> {
  print("first answer of an evicted object (ms); ratio = cold / warm", "");
  for (const events of [1_000, 10_000]) {
    const runId = await runcast.createRun();
    for (let sent = 0; sent < events; sent += 500) await runcast.append(runId, consoleLine().repeat(500));
    const ask = async (): Promise<number> => {
      const start = performance.now();
      await (await fetch(`${server.url}/api/runs/${runId}`, { headers: authorization })).text();
      return performance.now() - start;
    };
    const cold: number[] = [];
    const warm: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      await server.miniflare.unsafeEvictDurableObject(server.workerName, "RunObject", { name: runId });
      cold.push(await ask());
      warm.push(await ask());
    }
    print(
      `  ${events} events`,
      `cold ${median(cold).toFixed(1)}, warm ${median(warm).toFixed(1)}, ratio ${(median(cold) / median(warm)).toFixed(1)}`,
    );
  }
}

async function createAndList(): Promise<void> {
  const created: number[] = [];
  for (let run = 0; run < 200; run += 1) {
    const start = performance.now();
    await runcast.createRun();
    created.push(performance.now() - start);
  }
  const health: number[] = [];
  const listed: number[] = [];
  for (let run = 0; run < 50; run += 1) {
    health.push(await timed(`${server.url}/api/health`));
    listed.push(await timed(`${server.url}/api/workspaces/default/runs?limit=50`));
  }
  const p95 = (values: number[]): number => quantileOf(values, 0.95);
  print("create a run, p95 (ms)", p95(created).toFixed(1));
  print(
    "list 50 of 200 open runs, p95 (ms)",
    `${p95(listed).toFixed(1)}, ratio to an empty request ${(p95(listed) / p95(health)).toFixed(1)}`,
  );
}

/** R54: 200 MB pass through without being held. */
async function download(): Promise<void> {
  const runId = await runcast.createRun();
  const body = consoleLine().repeat(25_000);
  while (true) {
    await runcast.append(runId, body);
    const run = await (await fetch(`${server.url}/api/runs/${runId}`, { headers: authorization })).json();
    if (run.event_bytes > 200 * 1024 * 1024) break;
  }
  const open = await downloadMbPerSecond(runId);
  await runcast.append(runId, '{"type":"run.completed","payload":{"status":"succeeded"}}\n');
  while (!(await isArchived(runId))) await pause(500);
  const inParts = await downloadMbPerSecond(runId);
  await putInOnePiece(runId);
  const inOnePiece = await downloadMbPerSecond(runId);
  print("download of 200 MB (MB/s)", `open run ${whole(open)}, archived ${whole(inParts)}`);
  print(
    "  archived, the same object put in one piece",
    `${whole(inOnePiece)}, ratio ${(inOnePiece / inParts).toFixed(2)} to the one that was put in parts`,
  );
}

/** The same bytes under the same key, without parts: what is different then is R2's doing, not ours. */
async function putInOnePiece(runId: string): Promise<void> {
  const bucket = await server.miniflare.getR2Bucket("ARCHIVE");
  const key = `workspaces/default/runs/${runId}/logs/events.ndjson`;
  const stored = await bucket.get(key);
  if (stored === null) throw new Error(`${key} is not there`);
  await bucket.put(key, await stored.arrayBuffer());
}

/** Only an archived log is answered by byte ranges. */
async function isArchived(runId: string): Promise<boolean> {
  const headers = { ...authorization, range: "bytes=0-0" };
  const response = await fetch(`${server.url}/api/runs/${runId}/events`, { headers });
  await response.body?.cancel();
  return response.status === 206;
}

async function downloadMbPerSecond(runId: string): Promise<number> {
  const start = performance.now();
  const response = await fetch(`${server.url}/api/runs/${runId}/events`, { headers: authorization });
  let bytes = 0;
  for await (const part of response.body ?? []) bytes += part.length;
  return bytes / 1e6 / ((performance.now() - start) / 1000);
}

async function timed(url: string): Promise<number> {
  const start = performance.now();
  await (await fetch(url, { headers: authorization })).text();
  return performance.now() - start;
}

function rawTarget(url: string): Target {
  rawObjects += 1;
  const address = `${url}/${rawObjects}`;
  return {
    name: "raw object",
    append: async (body) => {
      await (await fetch(address, { method: "POST", body })).text();
    },
    watch: () => new WebSocket(address.replace("http", "ws")),
    acknowledge: () => {},
  };
}

async function startRaw(folder: string): Promise<{ miniflare: Miniflare; url: string }> {
  const outfile = join(data, "raw.js");
  await bundle({
    entryPoints: [join(import.meta.dirname, "raw-object.ts")],
    outfile,
    bundle: true,
    format: "esm",
    external: ["cloudflare:*"],
  });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "raw",
      modules: [{ type: "ESModule", path: outfile, contents: readFileSync(outfile, "utf8") }],
      modulesRoot: data,
      compatibilityDate: "2026-10-01",
      durableObjects: { RAW: { className: "RawObject", useSQLite: true } },
      resourcePersistencePath: folder,
      cf: false,
      telemetry: { enabled: false },
    }),
  );
  const url = await miniflare.ready;
  return { miniflare, url: url.href.replace(/\/$/, "") };
}
