import * as z from "zod";
import { progressSchema } from "./api.ts";
import { failureSchema, LOG_LEVELS, RUN_STATUSES, SEVERITIES, type RunEvent } from "./event.ts";
import { integerOr, numberOr, textOr } from "./lenient.ts";
import { foldLifecycle, newLifecycle } from "./lifecycle.ts";
import { LIMITS } from "./limits.ts";
import { cutText, utf8Length } from "./ndjson.ts";
import { isSeverity, maxSeverity, type Severity } from "./severity.ts";
import { SUMMARY_SCHEMA } from "./version.ts";

const count = z.int().min(0);
const instant = z.string().nullable();
const severity = z.enum(SEVERITIES);

/** The first entries in the order they were first seen, and how many more there were. */
const listOf = <Entry extends z.ZodType>(entry: Entry) => z.object({ items: z.array(entry), more: count });

export const summarySchema = z.object({
  schema: z.literal(SUMMARY_SCHEMA),
  status: z.enum(RUN_STATUSES),
  created_at: instant,
  started_at: instant,
  completed_at: instant,
  duration_ms: count.nullable(),
  progress: progressSchema.nullable(),
  exit_code: z.int().nullable(),
  failure: failureSchema.nullable(),
  event_count: count,
  /** Stored lines that do not parse. */
  skipped_lines: count,
  console: z.object({
    lines: count,
    by_stream: z.object({ stdout: count, stderr: count }),
    by_level: z.record(z.enum(LOG_LEVELS), count),
  }),
  steps: listOf(
    z.object({
      id: z.string(),
      name: z.string(),
      status: z.enum(["running", "succeeded", "failed", "skipped"]),
      started_at: instant,
      duration_ms: z.number().min(0).nullable(),
    }),
  ).extend({ more_running: count }),
  metrics: listOf(
    z.object({
      name: z.string(),
      unit: z.string().nullable(),
      last: z.number(),
      min: z.number(),
      max: z.number(),
      count,
    }),
  ),
  issues: z.object({
    count,
    max_severity: severity.nullable(),
    by_severity: z.record(severity, count),
    by_code: listOf(z.object({ code: z.string(), count, max_severity: severity })),
  }),
  tables: z.object({ count, rows: count.nullable(), input_files: listOf(z.string()) }),
  artifacts: listOf(
    z.object({
      name: z.string(),
      bytes: count.nullable(),
      media_type: z.string().nullable(),
      sha256: z.string().nullable(),
    }),
  ),
});
/** What a run did, in bounded size. Plain JSON: the fold's state and what a reader is given are the same object. */
export type Summary = z.infer<typeof summarySchema>;

export function newSummary(): Summary {
  return {
    schema: SUMMARY_SCHEMA,
    ...newLifecycle(),
    event_count: 0,
    skipped_lines: 0,
    console: { lines: 0, by_stream: { stdout: 0, stderr: 0 }, by_level: { debug: 0, info: 0, warning: 0, error: 0 } },
    steps: { items: [], more: 0, more_running: 0 },
    metrics: { items: [], more: 0 },
    issues: {
      count: 0,
      max_severity: null,
      by_severity: { info: 0, warning: 0, error: 0, critical: 0 },
      by_code: { items: [], more: 0 },
    },
    tables: { count: 0, rows: 0, input_files: { items: [], more: 0 } },
    artifacts: { items: [], more: 0 },
  };
}

/**
 * The summary after one more line; null stands for a line that does not parse. Changes `summary` in place and returns it, as `foldRunState`
 * does and for the same reason. Never throws, and takes of a payload what fits. Strings are cut first and compared then: two names that begin
 * with the same 256 characters are one.
 */
export function foldSummary(summary: Summary, event: RunEvent | null): Summary {
  if (event === null) {
    summary.skipped_lines += 1;
    return summary;
  }
  summary.event_count += 1;
  switch (event.type) {
    case "console.line":
      foldConsole(summary.console, event.payload);
      return summary;
    case "metric.recorded":
      foldMetric(summary.metrics, event.payload);
      return summary;
    case "step.started":
      foldStepStarted(summary.steps, event);
      return summary;
    case "step.completed":
      foldStepCompleted(summary.steps, event);
      return summary;
    case "run.validation.issue":
      foldIssue(summary.issues, event.payload);
      return summary;
    case "run.table.summary":
      foldTable(summary.tables, event.payload);
      return summary;
    case "artifact.created":
      foldArtifact(summary.artifacts, event.payload);
      return summary;
    default:
      foldLifecycle(summary, event, LIMITS.summaryStringChars);
      return summary;
  }
}

/** The columns of a run that its summary fills. */
export function runCounts(summary: Summary) {
  const { tables, issues } = summary;
  const inputFiles = tables.input_files.items.length + tables.input_files.more;
  return {
    table_count: tables.count,
    row_count: tables.rows,
    input_file_count: inputFiles === 0 ? null : inputFiles,
    max_validation_severity: issues.max_severity,
  };
}

/**
 * The summary as `run.completed` and `/summary` give it: each list cut to the same number of entries, the greatest with which the whole
 * fits `bytesMax` encoded; the rest is counted in `more`. Leaves `summary` as it is; the same summary always gives the same answer.
 */
export function summaryForEmbedding(summary: Summary, bytesMax: number = LIMITS.embeddedSummaryBytes): Summary {
  if (encodedBytes(summary) <= bytesMax) return structuredCopy(summary);
  let fits = 0;
  let tooMany: number = LIMITS.summaryListEntries;
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    if (encodedBytes(withEntries(summary, middle)) <= bytesMax) fits = middle;
    else tooMany = middle;
  }
  return structuredCopy(withEntries(summary, fits));
}

const encodedBytes = (summary: Summary): number => utf8Length(JSON.stringify(summary));
/** `structuredClone` is the platform's; a summary is plain JSON. */
const structuredCopy = (summary: Summary): Summary => JSON.parse(JSON.stringify(summary));

function withEntries(summary: Summary, entries: number): Summary {
  const { steps, metrics, issues, tables, artifacts } = summary;
  const droppedRunning = steps.items.slice(entries).filter((step) => step.status === "running").length;
  return {
    ...summary,
    steps: { ...cutList(steps, entries), more_running: steps.more_running + droppedRunning },
    metrics: cutList(metrics, entries),
    issues: { ...issues, by_code: cutList(issues.by_code, entries) },
    tables: { ...tables, input_files: cutList(tables.input_files, entries) },
    artifacts: cutList(artifacts, entries),
  };
}

function cutList<Entry>(list: { items: Entry[]; more: number }, entries: number): { items: Entry[]; more: number } {
  const items = list.items.slice(0, entries);
  return { items, more: list.more + list.items.length - items.length };
}

const cut = (text: string): string => cutText(text, LIMITS.summaryStringChars);
const cutOrNull = (value: unknown): string | null => (typeof value === "string" ? cut(value) : null);

/** The entry that `isIt` finds, or a new one if there is room; null after counting it in `more`. */
function entryOf<Entry>(
  list: { items: Entry[]; more: number },
  isIt: (entry: Entry) => boolean,
  make: () => Entry,
): Entry | null {
  const known = list.items.find(isIt);
  if (known !== undefined) return known;
  if (list.items.length >= LIMITS.summaryListEntries) {
    list.more += 1;
    return null;
  }
  const entry = make();
  list.items.push(entry);
  return entry;
}

function foldConsole(console: Summary["console"], payload: RunEvent["payload"]): void {
  console.lines += 1;
  const { stream, level } = payload;
  if (stream === "stdout" || stream === "stderr") console.by_stream[stream] += 1;
  if (level === "debug" || level === "info" || level === "warning" || level === "error") console.by_level[level] += 1;
}

function foldMetric(metrics: Summary["metrics"], payload: RunEvent["payload"]): void {
  const name = cutOrNull(payload["name"]);
  const value = numberOr(payload["value"], null);
  if (name === null || value === null) return;
  const make = () => ({ name, unit: null, last: value, min: value, max: value, count: 0 });
  const metric = entryOf(metrics, (entry) => entry.name === name, make);
  if (metric === null) return;
  metric.unit = cutOrNull(payload["unit"]) ?? metric.unit;
  metric.last = value;
  metric.min = Math.min(metric.min, value);
  metric.max = Math.max(metric.max, value);
  metric.count += 1;
}

type Steps = Summary["steps"];
type Step = Steps["items"][number];

/** A step is its event's `step`; one that has none is its name. */
const stepId = (event: RunEvent): string | null => cutOrNull(event.step ?? event.payload["name"]);

function foldStepStarted(steps: Steps, event: RunEvent): void {
  const id = stepId(event);
  if (id === null) return;
  const make = (): Step => ({ id, name: id, status: "running", started_at: null, duration_ms: null });
  const step = entryOf(steps, (entry) => entry.id === id, make);
  if (step === null) {
    steps.more_running += 1;
    return;
  }
  step.name = cutOrNull(event.payload["name"]) ?? step.name;
  step.status = "running";
  step.started_at = event.created_at;
  step.duration_ms = null;
}

function foldStepCompleted(steps: Steps, event: RunEvent): void {
  const id = stepId(event);
  const status = event.payload["status"];
  if (id === null || (status !== "succeeded" && status !== "failed" && status !== "skipped")) return;
  const known = steps.items.find((entry) => entry.id === id);
  if (known === undefined && steps.items.length >= LIMITS.summaryListEntries && steps.more_running > 0) {
    // Which of the unlisted it is cannot be known in bounded memory; that it is one of them can.
    steps.more_running -= 1;
    return;
  }
  const make = (): Step => ({ id, name: id, status, started_at: null, duration_ms: null });
  const step = known ?? entryOf(steps, () => false, make);
  if (step === null) return;
  step.status = status;
  step.duration_ms = durationOf(event, step.started_at);
}

/** What the producer measured, else the time between the step's two events. */
function durationOf(event: RunEvent, startedAt: string | null): number | null {
  const measured = numberOr(event.payload["duration_ms"], -1);
  if (measured >= 0) return measured;
  const spanMs = startedAt === null ? Number.NaN : Date.parse(event.created_at) - Date.parse(startedAt);
  return Number.isFinite(spanMs) ? Math.max(0, spanMs) : null;
}

function foldIssue(issues: Summary["issues"], payload: RunEvent["payload"]): void {
  const given = payload["severity"];
  const code = cutOrNull(payload["code"]);
  if (!isSeverity(given) || code === null) return;
  issues.count += 1;
  issues.by_severity[given] += 1;
  issues.max_severity = maxSeverity(issues.max_severity, given);
  const make = (): { code: string; count: number; max_severity: Severity } => ({ code, count: 0, max_severity: given });
  const entry = entryOf(issues.by_code, (known) => known.code === code, make);
  if (entry === null) return;
  entry.count += 1;
  entry.max_severity = maxSeverity(entry.max_severity, given);
}

function foldTable(tables: Summary["tables"], payload: RunEvent["payload"]): void {
  tables.count += 1;
  const rows = integerOr(payload["row_count"], null);
  // A sum that a double cannot hold exactly is not known either.
  tables.rows = tables.rows === null || rows === null || rows < 0 ? null : integerOr(tables.rows + rows, null);
  const file = cutOrNull(payload["source_file"]);
  if (file !== null)
    entryOf(
      tables.input_files,
      (known) => known === file,
      () => file,
    );
}

function foldArtifact(artifacts: Summary["artifacts"], payload: RunEvent["payload"]): void {
  const name = cutOrNull(payload["name"]);
  if (name === null) return;
  const bytes = integerOr(payload["bytes"], -1);
  entryOf(
    artifacts,
    (known) => known.name === name,
    () => ({
      name,
      bytes: bytes >= 0 ? bytes : null,
      media_type: cutOrNull(payload["media_type"]),
      sha256: cutOrNull(textOr(payload["sha256"], null)),
    }),
  );
}
