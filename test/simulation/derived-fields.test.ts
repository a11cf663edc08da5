import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Artifact } from "../../protocol/api.ts";
import type { EventDraft } from "../../protocol/append.ts";
import { SEVERITIES } from "../../protocol/event.ts";
import { runCounts } from "../../protocol/summary.ts";
import { completion, event, line, RUN, RunWorld } from "../fakes/run-world.ts";
import { runs } from "./settings.ts";

const issue = (severity: string) => event("run.validation.issue", { severity, code: "C", message: "m" });
const row = async (world: RunWorld) => (await world.index.get(RUN.runId))?.run;

test("[IDX3] the worst issue is in the index as soon as it is in the log, and a milder one after it writes nothing", async () => {
  const world = new RunWorld();
  world.create();
  for (const severity of ["info", "warning", "warning", "critical", "error"]) {
    const before = world.log.outbox().revision;
    const worst = (await row(world))?.max_validation_severity ?? null;
    world.append({ drafts: [event("run.started"), issue(severity)] });
    await world.run.settle();
    const expected = severity === "error" ? "critical" : severity;
    expect((await row(world))?.max_validation_severity).toBe(expected);
    const isFirst = worst === null;
    if (!isFirst) expect(world.log.outbox().revision - before).toBe(worst === expected ? 0 : 1);
  }
  world.evict();
  const { revision } = world.log.outbox();
  world.append({ drafts: [issue("info")] });
  expect(world.log.outbox().revision).toBe(revision);
});

test("[IDX3] a run whose producer was lost is found as stale until it is back", async () => {
  const world = new RunWorld();
  world.create({ lease_seconds: 10, end_after_seconds: 3_600 });
  world.append({ drafts: [event("run.started")] });
  const stale = async () => (await world.index.list({ workspaceId: "default", stale: true, limit: 5 })).items.length;
  await world.advance(5_000);
  expect(await stale()).toBe(0);
  await world.advance(10_000);
  expect(await stale()).toBe(1);
  world.append({ drafts: [issue("info")] });
  await world.run.settle();
  expect(await stale()).toBe(0);
});

type Table = { table_id: string; row_count?: number; source_file?: string };
/** One thing a producer says: an issue, or a table. A line of an older producer may lack the table's count. */
type Said = { severity: (typeof SEVERITIES)[number] } | Table;
const said: fc.Arbitrary<Said> = fc.oneof(
  fc.record({ severity: fc.constantFrom(...SEVERITIES) }),
  fc.record(
    {
      table_id: fc.constantFrom("a", "b"),
      row_count: fc.integer({ min: 0, max: 1_000 }),
      source_file: fc.constantFrom("x.csv", "y.csv", "z.csv"),
    },
    { requiredKeys: ["table_id"] },
  ),
);
const draftOf = (each: Said): EventDraft =>
  "severity" in each ? issue(each.severity) : event("run.table.summary", each);

test("[SUM8] whatever a log holds, the columns are what its summary says, while the run is open and once it has ended", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(said, { maxLength: 4 }), { maxLength: 5 }), async (batches) => {
      const world = new RunWorld();
      world.create();
      for (const batch of batches) world.append({ drafts: [event("run.started"), ...batch.map(draftOf)] });
      const open = world.run.summary();
      if (open.kind !== "summary") throw new Error("the run is open");
      expect(world.run.describe()).toMatchObject({ run: runCounts(open.summary) });
      world.append({ completes: completion("succeeded") });
      await world.advance(1_000);
      const indexed = await world.index.get(RUN.runId);
      if (indexed?.summary == null) throw new Error("an ended run has its summary");
      expect(indexed.run).toMatchObject(runCounts(indexed.summary));

      const everything = batches.flat();
      const tables = everything.filter((each): each is Table => "table_id" in each);
      const files = new Set(tables.flatMap(({ source_file }) => source_file ?? []));
      const worst = everything.map((each) => ("severity" in each ? SEVERITIES.indexOf(each.severity) : -1));
      expect(indexed.run).toMatchObject({
        table_count: tables.length,
        row_count: tables.some(({ row_count }) => row_count === undefined)
          ? null
          : tables.reduce((sum, { row_count }) => sum + (row_count ?? 0), 0),
        input_file_count: files.size === 0 ? null : files.size,
        max_validation_severity: SEVERITIES[Math.max(-1, ...worst)] ?? null,
      });
    }),
    { numRuns: 100 },
  );
});

type Moment =
  | { do: "append"; lines: number; chars: number; named: boolean }
  | { do: "repeat" | "gap" | "artifact" | "edit" | "flush" | "evict" | "kill" };
const appended = fc.record({
  do: fc.constant("append" as const),
  lines: fc.nat(6),
  // Five of the longer ones take two rows of the hot log.
  chars: fc.constantFrom(1, 1, 250_000),
  named: fc.boolean(),
});
const other = fc.constantFrom("repeat", "gap", "artifact", "edit", "flush", "evict", "kill");
const moment: fc.Arbitrary<Moment> = fc.oneof(appended, fc.record({ do: other }));

test("[IDX4] whatever is repeated, refused, written by the server, flushed, evicted or killed between, each stored batch is counted once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(moment, { maxLength: 12 }), async (moments) => {
      const world = new RunWorld();
      world.create();
      let sequence = 0;
      let stored = 0;
      const numbered = (number: number) => ({ id: "p", epoch: 0, sequence: number });
      for (const now of moments) {
        switch (now.do) {
          case "append": {
            if (now.named) sequence += 1;
            const drafts = Array.from({ length: now.lines }, () => line("x".repeat(now.chars)));
            world.append({ drafts, producer: now.named ? numbered(sequence) : null });
            if (now.lines > 0) stored += 1;
            break;
          }
          case "repeat":
            if (sequence > 0) world.append({ drafts: [line("again")], producer: numbered(sequence) });
            break;
          case "gap":
            world.append({ drafts: [line("ahead")], producer: numbered(sequence + 2) });
            break;
          case "artifact":
            world.run.noteArtifact({ ...ARTIFACT, name: world.clock.newId() });
            break;
          case "edit":
            world.run.edit({ change: { pinned: true }, expected: null });
            break;
          case "flush":
            await world.advance(61_000);
            break;
          case "evict":
            world.evict();
            break;
          case "kill":
            world.kill();
        }
      }
      world.append({ drafts: [line("last")] });
      await world.advance(1_000);
      expect(world.published.at(-1)?.load.appends).toBe(stored + 1);
      world.append({ completes: completion("succeeded") });
      await world.advance(1_000);
      expect((await world.index.get(RUN.runId))?.appends).toBe(stored + 2);
    }),
    runs(80),
  );
});

const ARTIFACT: Artifact = {
  name: "a",
  bytes: 3,
  media_type: "text/plain",
  sha256: "a".repeat(64),
  created_at: "2026-11-21T02:30:00.000Z",
};
