import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, expect, test, vi, type MockInstance } from "vitest";
import type { Problem } from "../protocol/api.ts";
import type { Summary } from "../protocol/summary.ts";
import { call, seedTokens } from "../test/workerd/api.ts";
import { append, archiveRun, createRun } from "../test/workerd/runs.ts";

beforeAll(seedTokens);
let warn: MockInstance<typeof console.warn>;
beforeEach(() => {
  warn = vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => warn.mockRestore());

const ask = (runId: string): Promise<Response> => call("GET", `/api/runs/${runId}/summary`, { as: "viewer" });
const summaryOf = async (runId: string): Promise<Summary> => (await ask(runId)).json<Summary>();

/** An ended run with something of everything that a summary counts, and its summary as the index has it. */
async function endedRun(): Promise<{ runId: string; key: string; summary: Summary }> {
  const { run_id: runId } = await createRun();
  await append(
    runId,
    { type: "step.started", step: "build", payload: { name: "Build" } },
    ...[1, 2, 3].map((n) => ({ type: "console.line", payload: { stream: "stdout", message: `line ${n}` } })),
    { type: "metric.recorded", payload: { name: "loss", value: 0.5 } },
    { type: "step.completed", step: "build", payload: { status: "succeeded" } },
  );
  await archiveRun(runId, "failed");
  const key = `workspaces/default/runs/${runId}/logs/events.ndjson`;
  return { runId, key, summary: await summaryOf(runId) };
}

const setSummary = (runId: string, text: string | null): Promise<unknown> =>
  env.DB.prepare("UPDATE runs SET summary = ? WHERE run_id = ?").bind(text, runId).run();

/** Overwrites lines of the stored log, as a disk does. */
async function damage(key: string, isDamaged: (line: string) => boolean): Promise<void> {
  const stored = (await (await env.ARCHIVE.get(key))?.text()) ?? "";
  const lines = stored.split("\n").map((line) => (isDamaged(line) ? "\0".repeat(line.length) : line));
  await env.ARCHIVE.put(key, lines.join("\n"));
}

test.each([
  ["missing", null],
  ["no JSON", "{"],
  ["of another shape", '{"schema":"runcast.summary/v1"}'],
])("[SUM11] the summary of an ended run whose row has one that is %s is that of its log", async (_what, text) => {
  const { runId, summary } = await endedRun();
  expect(summary).toMatchObject({ status: "failed", event_count: 9, console: { lines: 3 } });
  await setSummary(runId, text);
  expect(await summaryOf(runId)).toEqual(summary);
});

test("[SUM11] with the last line damaged as well it is folded from the lines that can be read, with the run's own end", async () => {
  const { runId, key, summary } = await endedRun();
  await setSummary(runId, null);
  await damage(key, (line) => line.includes('"run.completed"') || line.includes('"line 2"'));
  expect(await summaryOf(runId)).toEqual({
    ...summary,
    event_count: summary.event_count - 2,
    skipped_lines: 2,
    console: {
      ...summary.console,
      lines: 2,
      by_stream: { stdout: 2, stderr: 0 },
      by_level: summary.console.by_level,
    },
  });
});

test("[SUM11] without row and log there is none, and that is said", async () => {
  const { runId, key } = await endedRun();
  await setSummary(runId, null);
  await env.ARCHIVE.delete(key);
  const answer = await ask(runId);
  expect(answer.status).toBe(410);
  expect(await answer.json<Problem>()).toMatchObject({ code: "LOG_INCOMPLETE" });
});
