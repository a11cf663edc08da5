import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve, type Server } from "../local/serve.ts";
import { openStateFolder } from "../local/state-folder.ts";
import { Api } from "../test/support/api.ts";
import { median, print, quantileOf } from "./figures.ts";

const TOKENS = { administrator: "bench-administrator", viewer: "bench-viewer" };
const OPEN_RUNS = 1_000;
const MORE_RUNS = 9_000;
const CREATED_AT_ONCE = 4;
const RESTARTS = 5;
const LISTS = 100;

/** R82 and R8: the list after a cold start, and the list of many runs. */
export async function measureManyRuns(): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), "runcast-bench-runs-"));
  const start = (): Promise<Server> => serve({ folder: openStateFolder(data), tokens: TOKENS, port: 0 });
  let server = await start();
  try {
    await createRuns(new Api(server.url, TOKENS.administrator));
    const starts: number[] = [];
    const firstLists: number[] = [];
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      await server.stop();
      const begun = performance.now();
      server = await start();
      starts.push(performance.now() - begun);
      firstLists.push(await listTime(server, "limit=200"));
    }
    print(
      `first list (200 of ${OPEN_RUNS} open runs) after a restart (ms)`,
      `${firstLists.map((ms) => ms.toFixed(0)).join("  ")}, median ${median(firstLists).toFixed(0)}; until the server answers ${median(starts).toFixed(0)}`,
    );
    await addEndedRuns(server);
    print(`list of ${OPEN_RUNS + MORE_RUNS} runs, p95 (ms)`, "");
    for (const query of [
      "limit=50",
      "limit=200",
      "limit=50&status=failed",
      "limit=50&q=build",
      "limit=50&status=failed&q=build",
    ]) {
      const times: number[] = [];
      for (let list = 0; list < LISTS; list += 1) times.push(await listTime(server, query));
      print(`  ?${query}`, `p95 ${quantileOf(times, 0.95).toFixed(1)}  p50 ${median(times).toFixed(1)}`);
    }
    const scrapes: number[] = [];
    for (let scrape = 0; scrape < 20; scrape += 1) scrapes.push(await askTime(server, "/api/metrics"));
    print("  /api/metrics", `p95 ${quantileOf(scrapes, 0.95).toFixed(1)}  p50 ${median(scrapes).toFixed(1)}`);
  } finally {
    await server.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

async function createRuns(api: Api): Promise<void> {
  const createSome = async (): Promise<void> => {
    for (let run = 0; run < OPEN_RUNS / CREATED_AT_ONCE; run += 1)
      await api.createRun({ name: `nightly build ${run}` });
  };
  await Promise.all(Array.from({ length: CREATED_AT_ONCE }, createSome));
}

const listTime = (server: Server, query: string): Promise<number> =>
  askTime(server, `/api/workspaces/default/runs?${query}`);

async function askTime(server: Server, path: string): Promise<number> {
  const begun = performance.now();
  const { status } = await new Api(server.url, TOKENS.administrator).ask("GET", path);
  if (status !== 200) throw new Error(`${path} was answered with ${status}`);
  return performance.now() - begun;
}

/** Rows of D1 alone: what a list reads of an ended run. Each is a copy of a row that the server wrote, with its own id, name, status and times. */
async function addEndedRuns(server: Server): Promise<void> {
  const database = await server.miniflare.getD1Database("DB");
  const { results } = await database.prepare("SELECT name FROM pragma_table_info('runs')").all<{ name: string }>();
  const copied: Record<string, string> = {
    run_id: "printf('01931b9e-%04x-7000-8000-%012x', n, n)",
    name: "CASE n % 3 WHEN 0 THEN 'build ' ELSE 'deploy ' END || n",
    search_name: "CASE n % 3 WHEN 0 THEN ' build ' ELSE ' deploy ' END || n",
    status: "CASE n % 10 WHEN 0 THEN 'failed' ELSE 'succeeded' END",
    created_at: "strftime('%Y-%m-%dT%H:%M:%fZ', '2026-01-01', '+' || n || ' minutes')",
    completed_at: "strftime('%Y-%m-%dT%H:%M:%fZ', '2026-01-01', '+' || n || ' minutes')",
    duration_ms: "n",
  };
  const columns = results.map(({ name }) => name);
  const added = await database
    .prepare(
      `WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ${MORE_RUNS})
       INSERT INTO runs (${columns.join()}) SELECT ${columns.map((name) => copied[name] ?? name).join()}
       FROM counter, (SELECT * FROM runs LIMIT 1)`,
    )
    .run();
  if (!added.success) throw new Error("the rows could not be written");
}
