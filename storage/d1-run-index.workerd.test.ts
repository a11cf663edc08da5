import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import type { RunQuery } from "../core/ports.ts";
import { D1RunIndex } from "./d1-run-index.ts";
import { statsStatements } from "./d1-run-stats.ts";
import { countUnreadableRows, readRunTotals, unreadableStatement } from "./d1-run-totals.ts";
import { indexed, runId, runIndexContract } from "./run-index.contract.ts";

async function emptyIndex(): Promise<D1RunIndex> {
  await env.DB.batch([
    env.DB.prepare("DELETE FROM runs"),
    env.DB.prepare("DELETE FROM deleted_runs"),
    env.DB.prepare(
      "INSERT OR IGNORE INTO workspaces (workspace_id, name, created_at) VALUES ('other', 'other', '2026-11-21T00:00:00.000Z')",
    ),
  ]);
  return new D1RunIndex(env.DB);
}

runIndexContract("D1", emptyIndex);

describe("the run index in D1", () => {
  let index: D1RunIndex;
  beforeEach(async () => {
    index = await emptyIndex();
  });

  test("a damaged row is left out and counted, its neighbours are there", async () => {
    const damages = [
      "labels = '{'",
      "parameters = 'x'",
      "created_at = x'00'",
      "output_paths = '{}'",
      "pinned = 7",
      "progress = '[]'",
      "failure = '1'",
    ];
    for (const [n] of damages.entries()) await index.upsert(indexed({ run_id: runId(n), labels: { n: "1" } }));
    await index.upsert(indexed({ run_id: runId(99), labels: { n: "1" } }));
    for (const [n, damage] of damages.entries()) {
      await env.DB.prepare(`UPDATE runs SET ${damage} WHERE run_id = ?`).bind(runId(n)).run();
    }

    const all = await index.list({ workspaceId: "default", limit: 50 });
    expect(all.items.map(({ run }) => run.run_id)).toEqual([runId(99)]);
    expect(all.skipped).toBe(damages.length);
    expect(await index.get(runId(0))).toBeNull();

    // A damaged column of one row must not make the filter fail for all.
    const labelled = await index.list({ workspaceId: "default", limit: 50, labels: [{ key: "n", value: "1" }] });
    expect(labelled.items.map(({ run }) => run.run_id)).toEqual([runId(99)]);
  });

  test("rows that are no JSON are counted by workspace, in an index of nothing else, and a good one is in it no more", async () => {
    await index.upsert(indexed({ run_id: runId(1) }));
    await index.upsert(indexed({ run_id: runId(2) }));
    await index.upsert(indexed({ run_id: runId(3), workspace_id: "other", status: "failed" }));
    expect(await countUnreadableRows(env.DB)).toEqual(new Map());
    const columns = ["parameters", "labels", "output_paths", "progress", "failure", "summary"];
    for (const [n, column] of columns.entries()) {
      const damaged = indexed({ run_id: runId(10 + n), workspace_id: "other" });
      await index.upsert(damaged);
      await env.DB.prepare(`UPDATE runs SET ${column} = '{' WHERE run_id = ?`).bind(damaged.run.run_id).run();
    }
    expect(await countUnreadableRows(env.DB)).toEqual(new Map([["other", columns.length]]));
    await index.upsert(indexed({ run_id: runId(10), workspace_id: "other" }, 2));
    expect(await countUnreadableRows(env.DB)).toEqual(new Map([["other", columns.length - 1]]));

    const { sql, params } = unreadableStatement(env.DB).toSQL();
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...params)
      .all<{ detail: string }>();
    expect(plan.results.map(({ detail }) => detail).join()).toMatch(/USING (COVERING )?INDEX runs_unreadable/);
  });

  test("the most lines that any reader skipped are kept, whatever is projected after it", async () => {
    const skipped = async (): Promise<number | undefined> => (await readRunTotals(env.DB))[0]?.skipped_lines;
    await index.upsert(indexed({}, 1));
    for (const [lines, most] of [
      [3, 3],
      [2, 3],
      [5, 5],
    ] as const) {
      await index.noteSkipped(runId(0), lines);
      expect(await skipped()).toBe(most);
    }
    await index.upsert(indexed({ status: "running" }, 2));
    expect(await skipped()).toBe(5);
    expect((await index.get(runId(0)))?.run.status).toBe("running");
    // Nobody sees it in the run: an edit that was made for what was read stays possible.
    expect(await index.edit(runId(0), { name: null, labels: {}, pinned: true }, 2)).toBe(true);
  });

  test("a status that does not exist is refused by the table itself", async () => {
    await index.upsert(indexed({}));
    await expect(env.DB.prepare("UPDATE runs SET status = 'completed'").run()).rejects.toThrow(/CHECK/);
  });

  test("damaged columns of a row do not cost the numbers of all", async () => {
    await index.upsert(indexed({ run_id: runId(1), workflow_id: "etl", status: "succeeded", duration_ms: 5 }));
    await index.upsert(indexed({ run_id: runId(2), workflow_id: "etl", status: "succeeded", duration_ms: 6 }));
    await env.DB.prepare("UPDATE runs SET created_at = x'00', duration_ms = 'x' WHERE run_id = ?").bind(runId(2)).run();
    expect((await index.stats("default", [])).counts.succeeded).toBe(2);
  });

  test("[STS1] every number is read through an index, and none looks at more than its workspace", async () => {
    for (const { sql, params } of statsStatements("default", ["2026-11-21"])) {
      const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...params)
        .all<{ detail: string }>();
      const details = plan.results.map(({ detail }) => detail);
      const reads = details.filter((detail) => /(SCAN|SEARCH) (runs|last)\b/.test(detail));
      expect(reads.length).toBeGreaterThan(0);
      for (const read of reads) expect(read).toMatch(/^SEARCH .*\((workspace_id|run_id)=\?/);
      // Of the ended runs, most by far, nothing but index entries is touched.
      if (!sql.includes("'queued'"))
        for (const read of reads) expect(read).toMatch(/USING COVERING INDEX|SEARCH last USING INDEX/);
      // Sorted are the thirty days and the workflows, never the runs.
      if (!/day|workflow/.test(sql)) expect(details.filter((detail) => detail.includes("TEMP B-TREE"))).toEqual([]);
    }
  });

  const queries: [string, Partial<RunQuery>][] = [
    ["no filter", {}],
    ["a status", { statuses: ["running"] }],
    ["several", { statuses: ["queued", "building", "running"] }],
    ["a workflow", { workflowId: "etl" }],
    ["a label", { labels: [{ key: "a", value: "b" }] }],
    ["pinned", { pinned: true }],
    ["not pinned", { pinned: false }],
    ["stale", { stale: true }],
    ["text", { q: "nightly" }],
    ["a span", { createdAfter: "2026-11-21T00:00:00.000Z", createdBefore: "2026-11-22T00:00:00.000Z" }],
    ["a severity", { maxValidationSeverity: "error" }],
    ["the next page", { cursor: btoa("2026-11-21T00:00:00.000Z x") }],
    ["all at once", { statuses: ["failed"], workflowId: "etl", pinned: true, q: "x", maxValidationSeverity: "error" }],
  ];
  test.each(queries)("a list by %s is read through an index", async (_name, query) => {
    const { sql, params } = index.listStatement({ workspaceId: "default", limit: 50, ...query }).toSQL();
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...params)
      .all<{ detail: string }>();
    const details = plan.results.map(({ detail }) => detail);
    expect(details.filter((detail) => /SEARCH runs USING (COVERING )?INDEX runs_/.test(detail))).toHaveLength(1);
    expect(details.filter((detail) => /SCAN runs/.test(detail))).toEqual([]);
  });
});
