import fc from "fast-check";
import { expect, test } from "vitest";
import type { RunEvent } from "./event.ts";
import { LIMITS } from "./limits.ts";
import { utf8Length } from "./ndjson.ts";
import { foldSummary, newSummary, runCounts, summaryForEmbedding, summarySchema, type Summary } from "./summary.ts";
import { anyEvent } from "./testing/any-event.ts";

const at = (second: number): string => new Date(Date.UTC(2026, 10, 21, 2, 30, 0) + second * 1000).toISOString();
type Told = [type: string, payload?: Record<string, unknown>, step?: string];
const eventsOf = (told: Told[]): RunEvent[] =>
  told.map(([type, payload = {}, step], index) => ({
    sequence: index + 1,
    type,
    created_at: at(index),
    ...(step === undefined ? {} : { step }),
    payload,
  }));
const summaryOf = (...told: Told[]): Summary => eventsOf(told).reduce<Summary>(foldSummary, newSummary());
const times = <Item>(count: number, make: (index: number) => Item): Item[] =>
  Array.from({ length: count }, (_, index) => make(index));

test("[SUM1] [SUM10] a whole run", () => {
  const execution = { exit_code: 1, started_at: at(1), completed_at: at(20), duration_ms: 19_000 };
  const summary = summaryOf(
    ["run.queued", { parameters: {} }],
    ["run.started"],
    ["step.started", { name: "Build" }, "build"],
    ["console.line", { stream: "stdout", message: "a" }, "build"],
    ["console.line", { stream: "stderr", message: "b", level: "warning" }],
    ["console.line", { stream: "stderr", message: "c", level: "warning", partial: true }],
    ["step.completed", { status: "succeeded" }, "build"],
    ["step.started", { name: "Test" }, "test"],
    ["step.completed", { status: "failed", duration_ms: 12.5 }, "test"],
    ["metric.recorded", { name: "loss", value: 3, unit: "nat" }],
    ["metric.recorded", { name: "loss", value: -1 }],
    ["metric.recorded", { name: "loss", value: 2 }],
    ["run.validation.issue", { severity: "warning", code: "W", message: "" }],
    ["run.validation.issue", { severity: "error", code: "W", message: "" }],
    ["run.validation.issue", { severity: "info", code: "I", message: "" }],
    ["run.table.summary", { table_id: "a", row_count: 10, source_file: "x.csv" }],
    ["run.table.summary", { table_id: "b", row_count: 5, source_file: "x.csv" }],
    ["artifact.created", { name: "out", bytes: 3, media_type: "text/plain", sha256: "00" }],
    ["run.progress", { percent: 50 }],
    ["run.completed", { status: "failed", failure: { code: "X", message: "m" }, execution }],
  );
  expect(summary).toEqual({
    schema: "runcast.summary/v1",
    status: "failed",
    created_at: at(0),
    ...execution,
    progress: { percent: 50, items_processed: null, items_total: null, message: null },
    failure: { code: "X", message: "m" },
    event_count: 20,
    skipped_lines: 0,
    console: { lines: 3, by_stream: { stdout: 1, stderr: 2 }, by_level: { debug: 0, info: 0, warning: 2, error: 0 } },
    steps: {
      items: [
        { id: "build", name: "Build", status: "succeeded", started_at: at(2), duration_ms: 4000 },
        { id: "test", name: "Test", status: "failed", started_at: at(7), duration_ms: 12.5 },
      ],
      more: 0,
      more_running: 0,
    },
    metrics: { items: [{ name: "loss", unit: "nat", last: 2, min: -1, max: 3, count: 3 }], more: 0 },
    issues: {
      count: 3,
      max_severity: "error",
      by_severity: { info: 1, warning: 1, error: 1, critical: 0 },
      by_code: {
        items: [
          { code: "W", count: 2, max_severity: "error" },
          { code: "I", count: 1, max_severity: "info" },
        ],
        more: 0,
      },
    },
    tables: { count: 2, rows: 15, input_files: { items: ["x.csv"], more: 0 } },
    artifacts: { items: [{ name: "out", bytes: 3, media_type: "text/plain", sha256: "00" }], more: 0 },
  });
  expect(runCounts(summary)).toEqual({
    table_count: 2,
    row_count: 15,
    input_file_count: 1,
    max_validation_severity: "error",
  });
});

test("[SUM2] lists keep their first 1,000 entries in order, and count the rest", () => {
  const summary = summaryOf(...times(1500, (index): Told => ["metric.recorded", { name: `m${index}`, value: index }]), [
    "metric.recorded",
    { name: "m3", value: 99 },
  ]);
  expect(summary.metrics.items.map((metric) => metric.name)).toEqual(times(1000, (index) => `m${index}`));
  expect([summary.metrics.more, summary.metrics.items[3]]).toEqual([
    500,
    expect.objectContaining({ last: 99, count: 2 }),
  ]);
});

test("[SUM9] a step beyond the list counts once, and as running until it completes", () => {
  const started = times(1500, (index): Told => ["step.started", { name: "s" }, `s${index}`]);
  const completed = times(1500, (index): Told => ["step.completed", { status: "succeeded" }, `s${index}`]);
  const sizes = (summary: Summary) => [summary.steps.items.length, summary.steps.more, summary.steps.more_running];
  expect(sizes(summaryOf(...started))).toEqual([1000, 500, 500]);
  expect(sizes(summaryOf(...started, ...completed))).toEqual([1000, 500, 0]);
  expect(sizes(summaryOf(...completed))).toEqual([1000, 500, 0]);
  expect(sizes(summaryOf(...started.flatMap((start, index) => [start, completed[index]!])))).toEqual([1000, 500, 0]);
});

test("a step that starts again runs again, and one without an id is its name", () => {
  const summary = summaryOf(
    ["step.started", { name: "a" }],
    ["step.completed", { name: "a", status: "failed" }],
    ["step.started", { name: "a" }],
    ["step.completed", { status: "failed" }],
  );
  expect(summary.steps.items).toEqual([
    { id: "a", name: "a", status: "running", started_at: at(2), duration_ms: null },
  ]);
});

test("[SUM3] strings are cut at 256, and are one when they begin alike", () => {
  const name = "😀".repeat(200);
  const summary = summaryOf(
    ["metric.recorded", { name: `x${name}`, value: 1 }],
    ["metric.recorded", { name: `x${name}y`, value: 2 }],
    ["run.completed", { status: "failed", failure: { code: name, stage: name, message: name } }],
  );
  expect(summary.metrics.items).toMatchObject([{ name: `x${"😀".repeat(127)}`, count: 2 }]);
  const short = "😀".repeat(128);
  expect(summary.failure).toEqual({ code: short, stage: short, message: short });
});

test("[SUM8] rows are unknown as soon as one table lacks them, and files where none is named", () => {
  const table = (row_count: unknown): Told => ["run.table.summary", { table_id: "t", row_count }];
  expect(runCounts(summaryOf())).toEqual({
    table_count: 0,
    row_count: 0,
    input_file_count: null,
    max_validation_severity: null,
  });
  expect(runCounts(summaryOf(table(1), table(null), table(3)))).toMatchObject({
    table_count: 3,
    row_count: null,
    input_file_count: null,
  });
  expect(summaryOf(table(Number.MAX_SAFE_INTEGER), table(1)).tables.rows).toBeNull();
});

test("[SUM7] a line that does not parse is counted, and changes nothing else", () => {
  expect(foldSummary(newSummary(), null)).toEqual({ ...newSummary(), skipped_lines: 1 });
});

/** A log that fills every list with as much as it can hold. */
function fullSummary(entries: number): Summary {
  const long = (index: number): string => `${index} ${"\u0000😀".repeat(200)}`;
  return summaryOf(
    ...times(entries, (index): Told => ["step.started", { name: long(index) }, long(index)]),
    ...times(entries, (index): Told => ["metric.recorded", { name: long(index), value: Math.PI, unit: long(index) }]),
    ...times(entries, (index): Told => [
      "run.validation.issue",
      { severity: "critical", code: long(index), message: "" },
    ]),
    ...times(entries, (index): Told => [
      "run.table.summary",
      { table_id: "t", row_count: 1, source_file: long(index) },
    ]),
    ...times(entries, (index): Told => [
      "artifact.created",
      { name: long(index), bytes: 1, media_type: long(index), sha256: long(index) },
    ]),
    ["run.error", { code: long(0), message: long(0), stage: long(0) }],
  );
}

test("[SUM4] twice the log is not a larger summary", () => {
  const once = utf8Length(JSON.stringify(fullSummary(1000)));
  expect(utf8Length(JSON.stringify(fullSummary(2000)))).toBeLessThan(once * 1.01);
});

test("[SUM5] what is embedded fits, holds as many entries as fit, and counts the rest", () => {
  const summary = fullSummary(1200);
  const before = JSON.stringify(summary);
  const embedded = summaryForEmbedding(summary);
  expect(JSON.stringify(summary)).toBe(before);
  expect(summarySchema.parse(embedded)).toEqual(embedded);
  expect(summaryForEmbedding(summary)).toEqual(embedded);

  const entries = embedded.steps.items.length;
  const bytes = utf8Length(JSON.stringify(embedded));
  expect(bytes).toBeLessThanOrEqual(LIMITS.embeddedSummaryBytes);
  const lists = [
    embedded.steps,
    embedded.metrics,
    embedded.issues.by_code,
    embedded.tables.input_files,
    embedded.artifacts,
  ];
  expect(lists.map((list) => [list.items.length, list.more])).toEqual(times(5, () => [entries, 1200 - entries]));
  expect(embedded.steps.more_running).toBe(1200 - entries);
  // One more entry in each list would not have fitted.
  expect(bytes + bytes / entries).toBeGreaterThan(LIMITS.embeddedSummaryBytes);
  expect(embedded).toMatchObject({ event_count: summary.event_count, tables: { count: 1200, rows: 1200 } });
});

test("[SUM5] what fits is embedded whole", () => {
  const summary = fullSummary(5);
  expect(summaryForEmbedding(summary)).toEqual(summary);
  expect(summaryForEmbedding(summary)).not.toBe(summary);
});

/** null: one that does not parse. */
const anyLine = fc.option(
  fc.tuple(fc.integer({ min: 1 }), anyEvent).map(([sequence, event]): RunEvent => ({ sequence, ...event })),
);

test("[SUM1] the fold never fails, is deterministic, and goes on from what was stored", () => {
  fc.assert(
    fc.property(fc.array(anyLine), fc.nat(), (lines, cut) => {
      const whole = lines.reduce<Summary>(foldSummary, newSummary());
      const stored = JSON.stringify(
        lines.slice(0, cut % (lines.length + 1)).reduce<Summary>(foldSummary, newSummary()),
      );
      const resumed = lines.slice(cut % (lines.length + 1)).reduce<Summary>(foldSummary, JSON.parse(stored));
      expect(JSON.stringify(resumed)).toBe(JSON.stringify(whole));
      expect(summarySchema.safeParse(JSON.parse(JSON.stringify(whole))).error).toBeUndefined();
      expect(whole.event_count + whole.skipped_lines).toBe(lines.length);
    }),
    { numRuns: 500 },
  );
});
