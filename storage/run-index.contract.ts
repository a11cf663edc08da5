import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { IndexedRun, RunIndex, RunQuery, RunStats, StoredRun } from "../core/ports.ts";
import { RUN_STATUSES, SEVERITIES } from "../protocol/event.ts";
import { LIMITS } from "../protocol/limits.ts";
import { QUEUED_RUN } from "../protocol/testing/queued-run.ts";
import { isAfter, matchesQuery } from "./run-filter.ts";
import { statsOf } from "./run-stats.ts";

/** What every implementation of the index does alike. `makeIndex` gives an empty one that knows the workspaces `default` and `other`. */
export function runIndexContract(name: string, makeIndex: () => Promise<RunIndex>, runs = 25): void {
  describe(`the run index: ${name}`, () => {
    let index: RunIndex;
    beforeEach(async () => {
      index = await makeIndex();
    });

    test("what was put in comes back value for value", async () => {
      const row = indexed({
        parameters: String.raw`{"clé":[1,{"":null}],"a\"b":"\u0000🚀","n":1e400,"id":12345678901234567890,"__proto__":{"a":1}}`,
        labels: { team: "data" },
        name: "nightly",
        pinned: true,
        failure: { code: "EXIT", stage: "build", message: "exit 2" },
        progress: { percent: 12.5, items_processed: 1, items_total: 8, message: "one" },
        exit_code: 2,
        output_paths: ["a", "b"],
        max_validation_severity: "error",
      });
      await index.upsert(row);
      expect(await index.get(row.run.run_id)).toEqual(row);
    });

    test("an unknown run is null", async () => {
      expect(await index.get(runId(9))).toBeNull();
    });

    test("only a greater revision changes a row", async () => {
      await index.upsert(indexed({ status: "running" }, 2));
      await index.upsert(indexed({ status: "queued" }, 1));
      await index.upsert(indexed({ status: "building" }, 2));
      expect((await index.get(runId(0)))?.run.status).toBe("running");
      await index.upsert(indexed({ status: "succeeded" }, 3));
      expect((await index.get(runId(0)))?.run.status).toBe("succeeded");
    });

    test("[EDIT3] an edit is of the revision that was read: of two at once the second changes nothing, and neither does a late projection", async () => {
      await index.upsert(indexed({ status: "succeeded", name: "Straße", exit_code: 3 }, 7));
      const edited = { name: "NIGHTLY run", labels: { team: "data" }, pinned: true };
      expect(await index.edit(runId(0), edited, 6)).toBe(false);
      expect(await index.edit(runId(0), edited, 7)).toBe(true);
      expect(await index.edit(runId(0), { name: null, labels: {}, pinned: false }, 7)).toBe(false);
      await index.upsert(indexed({ status: "succeeded", name: "late" }, 7));
      const expected = indexed({ status: "succeeded", exit_code: 3, ...edited }, 8);
      expect(await index.get(runId(0))).toEqual(expected);
      const found = { ...everything, q: "nightly", pinned: true, labels: [{ key: "team", value: "data" }] };
      expect((await index.list(found)).items).toEqual([expected]);
      expect((await index.list({ ...everything, q: "straße" })).items).toEqual([]);
      await index.delete(runId(0));
      expect(await index.edit(runId(0), edited, 8)).toBe(false);
    });

    test("[OUT2] a path is added once, as long as they fit, and no late projection takes it away", async () => {
      await index.upsert(indexed({ status: "succeeded", output_paths: ["a"] }, 3));
      for (const path of ["a", 'b "é', 'b "é']) await index.addOutputPath(runId(0), path);
      await index.upsert(indexed({ status: "succeeded" }, 3));
      expect((await index.get(runId(0)))?.run.output_paths).toEqual(["a", 'b "é']);
      await index.addOutputPath(runId(0), "x".repeat(LIMITS.outputPathsBytes));
      expect((await index.get(runId(0)))?.run.output_paths).toHaveLength(2);
      await index.addOutputPath(runId(9), "a");
      expect(await index.get(runId(9))).toBeNull();
    });

    test("a deleted run stays deleted, whatever is still written of it", async () => {
      await index.upsert(indexed({}, 1));
      await index.delete(runId(0));
      await index.upsert(indexed({}, 2));
      expect(await index.get(runId(0))).toBeNull();
      expect((await index.list(everything)).items).toEqual([]);
      await index.delete(runId(0));
    });

    test("a list brings no summaries", async () => {
      await index.upsert(indexed({}));
      expect((await index.list(everything)).items).toEqual([indexed({})]);
    });

    test("a page stays where it is when newer runs arrive", async () => {
      for (const n of [1, 2, 3]) await index.upsert(numbered(n));
      const first = await index.list({ ...everything, limit: 2 });
      expect(ids(first.items)).toEqual([runId(3), runId(2)]);
      await index.upsert(numbered(4));
      const second = await index.list({ ...everything, limit: 2, cursor: first.nextCursor ?? "" });
      expect(ids(second.items)).toEqual([runId(1)]);
      expect(second.nextCursor).toBeNull();
    });

    test("labels with any character are found", async () => {
      const labels = { 'q"uote': "a:b", "back\\slash": "'; --", über: "\u{1F680}" };
      await index.upsert(indexed({ labels }));
      for (const [key, value] of Object.entries(labels)) {
        expect((await index.list({ ...everything, labels: [{ key, value }] })).items).toHaveLength(1);
        expect((await index.list({ ...everything, labels: [{ key, value: `${value}x` }] })).items).toEqual([]);
      }
    });

    test("[DMG2] that a run is incomplete, and that it is not, is said once, and a projection from before does not undo it", async () => {
      index = await makeIndex();
      await index.upsert(indexed({ run_id: runId(1) }, 3));
      expect(await index.setIncomplete(runId(1), true)).toBe(true);
      expect(await index.setIncomplete(runId(1), true)).toBe(false);
      await index.upsert(indexed({ run_id: runId(1) }, 3));
      expect(await index.get(runId(1))).toMatchObject({ run: { incomplete: true }, revision: 4 });
      expect(await index.setIncomplete(runId(1), false)).toBe(true);
      expect((await index.get(runId(1)))?.run.incomplete).toBe(false);
      expect(await index.setIncomplete(runId(2), true)).toBe(false);
    });

    test("[STS1] the numbers are those of all runs that the list has", async () => {
      const days = ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"];
      await fc.assert(
        fc.asyncProperty(fc.array(statsRunArbitrary, { maxLength: 25 }), async (drafts) => {
          index = await makeIndex();
          for (const [n, draft] of drafts.entries()) await index.upsert(indexed({ ...draft, run_id: runId(n) }, n + 1));
          const listed: IndexedRun[] = [];
          for (let cursor: string | null = ""; cursor !== null;) {
            const page = await index.list({ ...everything, limit: 7, ...(cursor === "" ? {} : { cursor }) });
            listed.push(...page.items);
            cursor = page.nextCursor;
          }
          const sorted = (stats: RunStats): RunStats => ({
            ...stats,
            open: stats.open.toSorted((a, b) => (a.runId < b.runId ? -1 : 1)),
          });
          expect(sorted(await index.stats("default", days))).toEqual(sorted(statsOf(listed, days)));
        }),
        { numRuns: runs },
      );
    });

    test("[LST1] pages of any query are the runs that pass its filters, each once, newest first", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(runArbitrary, { maxLength: 25 }), queryArbitrary, async (drafts, query) => {
          index = await makeIndex();
          const rows = drafts.map((draft, n) => indexed({ ...draft, run_id: runId(n) }));
          for (const row of rows) await index.upsert(row);

          const expected = rows
            .map(({ run }) => run)
            .filter((run) => matchesQuery(run, query))
            .sort((a, b) => (isAfter(a, { createdAt: b.created_at, runId: b.run_id }) ? 1 : -1));
          expect(await allPages(index, query)).toEqual(expected.map((run) => run.run_id));
        }),
        { numRuns: runs },
      );
    });
  });
}

async function allPages(index: RunIndex, query: RunQuery): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await index.list(cursor === null ? query : { ...query, cursor });
    expect(page.items.length).toBeLessThanOrEqual(query.limit);
    found.push(...ids(page.items));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

const everything: RunQuery = { workspaceId: "default", limit: 50 };
const ids = (rows: IndexedRun[]): string[] => rows.map(({ run }) => run.run_id);
export const runId = (n: number): string => `0194a8e0-0000-7000-8000-${String(n).padStart(12, "0")}`;
const instant = (n: number): string => new Date(Date.UTC(2026, 10, 21) + n).toISOString();
const numbered = (n: number): IndexedRun => indexed({ run_id: runId(n), created_at: instant(n) });

/** A row of a run that has just been queued, but for what is said. */
export function indexed(over: Partial<StoredRun>, revision = 1): IndexedRun {
  const run: StoredRun = {
    ...QUEUED_RUN,
    run_id: runId(0),
    parameters: "{}",
    created_at: instant(0),
    ...over,
  };
  return { run, revision, summary: null, appends: 3 };
}

// Few values of each, so that filters meet runs that pass them.
const slug = fc.constantFrom("etl", "web");
const label = fc.record({ key: fc.constantFrom("team", 'a"b', "x"), value: fc.constantFrom("1", "'", "ü") });
const text = fc.constantFrom("Nightly Build", "nightly", "BÄCKEREI run", "100% _done_", "  ", "\u{1F680} go", "build");
const workspace = fc.constantFrom("default", "other");

const runArbitrary: fc.Arbitrary<Partial<StoredRun>> = fc.record({
  workspace_id: workspace,
  workflow_id: fc.option(slug),
  name: fc.option(text),
  status: fc.constantFrom(...RUN_STATUSES),
  pinned: fc.boolean(),
  stale: fc.boolean(),
  created_at: fc.integer({ min: 0, max: 6 }).map(instant),
  labels: fc
    .array(label, { maxLength: 3 })
    .map((labels) => Object.fromEntries(labels.map(({ key, value }) => [key, value]))),
  max_validation_severity: fc.option(fc.constantFrom(...SEVERITIES)),
});

const statsRunArbitrary: fc.Arbitrary<Partial<StoredRun>> = fc.record({
  workspace_id: fc.constantFrom("default", "default", "other"),
  workflow_id: fc.option(slug),
  status: fc.constantFrom(...RUN_STATUSES),
  created_at: fc.integer({ min: -100_000_000, max: 200_000_000 }).map(instant),
  duration_ms: fc.option(fc.integer({ min: 0, max: 20 })),
});

const queryArbitrary: fc.Arbitrary<RunQuery> = fc.record(
  {
    workspaceId: workspace,
    limit: fc.integer({ min: 1, max: 7 }),
    statuses: fc.uniqueArray(fc.constantFrom(...RUN_STATUSES), { minLength: 1, maxLength: 3 }),
    workflowId: slug,
    labels: fc.array(label, { minLength: 1, maxLength: 2 }),
    pinned: fc.boolean(),
    stale: fc.boolean(),
    q: fc.oneof(text, fc.constantFrom("nig", "ä", "%", "_", "build nightly", runId(1), "0194a8e0-0", "0194A8E0")),
    createdAfter: fc.integer({ min: 0, max: 6 }).map(instant),
    createdBefore: fc.integer({ min: 0, max: 6 }).map(instant),
    maxValidationSeverity: fc.constantFrom(...SEVERITIES),
  },
  { requiredKeys: ["workspaceId", "limit"] },
);
