import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../../local/build.ts";
import { serve, type Server } from "../../local/serve.ts";
import { openStateFolder } from "../../local/state-folder.ts";
import type { Figure, Row } from "../figure.ts";
import { askTimes, timed } from "../load/ask-times.ts";
import { RuncastApi } from "../peers/runcast-api.ts";
import { pick, together } from "../rounds.ts";

const TOKENS = { administrator: "bench-administrator", viewer: "bench-viewer" };
const CREATED_AT_ONCE = 4;
const RUNS = "/api/workspaces/default/runs";
const QUERIES = [
  "limit=50",
  "limit=200",
  "limit=50&status=failed",
  "limit=50&q=build",
  "limit=50&status=failed&q=build",
];
const EMPTY = "an empty request";

/** R82 and R8: the list after a cold start, and the list of many runs. */
export const manyRuns: Figure = {
  title: "The list of runs: after a restart, and of many",
  measure: async (bench) => {
    const { open, ended, lists } = bench.isSmoke
      ? { open: 8, ended: 10, lists: 2 }
      : { open: 1_000, ended: 9_000, lists: 100 };
    await build();
    const data = mkdtempSync(join(tmpdir(), "runcast-bench-runs-"));
    const start = (): Promise<Server> => serve({ folder: openStateFolder(data), tokens: TOKENS, port: 0 });
    let server = await start();
    const ask = (path: string, method?: string): Promise<string> =>
      new RuncastApi(server.url, TOKENS.administrator).text(path, method);
    try {
      const createSome = async (): Promise<void> => {
        for (let run = 0; run < open / CREATED_AT_ONCE; run += 1) await ask(RUNS, "POST");
      };
      await Promise.all(Array.from({ length: CREATED_AT_ONCE }, createSome));
      const restarts = await together(bench, async () => {
        await server.stop();
        const startMs = await timed(async () => (server = await start()));
        const firstMs = await timed(() => ask(`${RUNS}?limit=200`));
        return { runcast: { firstMs }, "start of the server": { firstMs: startMs } };
      });
      const rows: Row[] = [
        {
          case: `first list of 200 of ${open} open runs after a restart`,
          unit: "ms",
          better: "less",
          by: pick(restarts, ({ firstMs }) => firstMs),
          targets: [{ value: 500 }],
        },
      ];
      await addEndedRuns(server, ended);
      for (const path of [...QUERIES.map((query) => `${RUNS}?${query}`), "/api/metrics"]) {
        const turns = await together(bench, async () => ({
          runcast: await askTimes(lists, () => ask(path)),
          [EMPTY]: await askTimes(lists, () => ask("/api/health")),
        }));
        rows.push({
          case: `${open + ended} runs, ${path.replace(RUNS, "")}, p95`,
          unit: "ms",
          better: "less",
          by: pick(turns, ({ p95 }) => p95),
          targets: path.startsWith(RUNS) ? [{ value: 50 }] : [],
        });
      }
      return rows;
    } finally {
      await server.stop();
      rmSync(data, { recursive: true, force: true });
    }
  },
};

/** Rows of D1 alone: what a list reads of an ended run. Each is a copy of a row that the server wrote, with its own id, name, status and times. */
async function addEndedRuns(server: Server, count: number): Promise<void> {
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
      `WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ${count})
       INSERT INTO runs (${columns.join()}) SELECT ${columns.map((name) => copied[name] ?? name).join()}
       FROM counter, (SELECT * FROM runs LIMIT 1)`,
    )
    .run();
  if (!added.success) throw new Error("the rows could not be written");
}
