import { expect } from "vitest";
import type { Run } from "../../../protocol/api.ts";
import { parseLine } from "../../../protocol/ndjson.ts";
import { foldSummary, newSummary, summaryForEmbedding } from "../../../protocol/summary.ts";
import { lineType } from "../../../protocol/type-filter.ts";
import { type Api, linesOf, messageOf } from "../../support/api.ts";
import { expectManifest, expectSameEverywhere } from "../../support/read-every-way.ts";
import type { FollowingWatcher } from "../../support/watcher.ts";
import type { LaboratoryProducer, SentBatch } from "./laboratory-producer.ts";
import { checkUploads, type LaboratoryUpload } from "./laboratory-upload.ts";

/** A run under test and everybody who had to do with it. */
export type Subject = {
  runId: string;
  producers: LaboratoryProducer[];
  watchers: FollowingWatcher[];
  uploads: LaboratoryUpload[];
  /** The longest that a read of the log gave at some moment: the log must begin with it for ever. */
  sample: string;
  /** What was found to be wrong while it is attacked. */
  faults: unknown[];
};

/** What R2 has under a key of the run, or null. */
export type ReadStored = (runId: string, key: string) => Promise<string | null>;

/**
 * Demands of an archived run what the product promises, on every surface, and knows nothing of how it is done. Answers with the number of
 * events that were looked at.
 */
export async function checkRun(api: Api, subject: Subject, readStored: ReadStored): Promise<number> {
  const { runId, producers, watchers, uploads, sample } = subject;
  const lines = await expectSameEverywhere(api, runId);
  const log = lines.map((line) => `${line}\n`).join("");
  for (const watcher of watchers) expect(watcher.lines).toEqual(lines);
  expect(log.startsWith(sample), `a read of ${sample.length} bytes is a prefix`).toBe(true);
  expect(await readStored(runId, "logs/events.ndjson")).toBe(log);
  const timeline = lines.filter((line) => !["console.line", "metric.recorded"].includes(lineType(line)));
  expect(await readStored(runId, "logs/timeline.ndjson")).toBe(timeline.map((line) => `${line}\n`).join(""));
  expectManifest(JSON.parse((await readStored(runId, "logs/manifest.json")) ?? "{}"), log);
  expectSent(lines, producers);
  await checkUploads(api, runId, lines, uploads);
  await expectIndexed(api, runId, lines);
  return lines.length;
}

/** What a reader was given: it goes on from what was read before, and has what was acknowledged before it asked. */
export function checkSample(subject: Subject, text: string, acknowledged: readonly SentBatch[]): void {
  const [shorter, longer] = [subject.sample, text].toSorted((a, b) => a.length - b.length);
  expect(longer?.startsWith(shorter ?? ""), `reads of ${shorter?.length} and ${longer?.length} bytes agree`).toBe(true);
  if (text === shorter) return;
  subject.sample = text;
  const places = placesOf(linesOf(text));
  for (const batch of acknowledged) expectBatch(places, batch);
}

/** Every acknowledged batch where it was acknowledged; every other one whole, once, or not at all; nothing that nobody sent. */
function expectSent(lines: string[], producers: LaboratoryProducer[]): void {
  const places = placesOf(lines);
  for (const producer of producers) {
    expect(producer.faults).toEqual([]);
    for (const message of producer.refused) expect(places.has(message), `"${message}" was refused`).toBe(false);
    for (const batch of producer.batches) expectBatch(places, batch);
  }
  const sent = new Set(producers.flatMap(({ batches }) => batches.flatMap(({ messages }) => messages)));
  for (const message of places.keys()) expect(sent.has(message), `"${message.slice(0, 40)}" was sent`).toBe(true);
}

/** Where each message is: once, and byte for byte. */
function placesOf(lines: readonly string[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const [at, line] of lines.entries()) {
    if (!line.includes('"type":"console.line"')) continue;
    const message = messageOf(line);
    expect(places.has(message), `"${message.slice(0, 40)}" is there once`).toBe(false);
    // A line that was decoded and encoded again would have lost digits.
    expect(line.endsWith('"n":10000000000000000000001}}'), line.slice(-80)).toBe(true);
    places.set(message, at + 1);
  }
  return places;
}

function expectBatch(places: ReadonlyMap<string, number>, { messages, answer }: SentBatch): void {
  const stored = messages.map((message) => places.get(message));
  const first = answer?.first_sequence ?? stored[0];
  // Its run ended before it was answered, and it is not in the log.
  if (answer === null && first === undefined) return expect(stored.every((place) => place === undefined)).toBe(true);
  const last = (first ?? 0) + messages.length - 1;
  const told = `batch of "${messages[0]?.slice(0, 40)}", acknowledged: ${JSON.stringify(answer)}`;
  expect(stored, told).toEqual(messages.map((_, at) => (first ?? 0) + at));
  if (answer !== null && !answer.duplicate) expect(answer.last_sequence, told).toBe(last);
}

/** D1's row, the list and the summary say what the log says. */
async function expectIndexed(api: Api, runId: string, lines: string[]): Promise<void> {
  const run = await api.run(runId);
  const completed = JSON.parse(lines.at(-1) ?? "{}").payload;
  expect(run).toMatchObject({
    status: completed.status,
    last_sequence: lines.length,
    event_bytes: Buffer.byteLength(lines.join("\n")) + 1,
    started_at: completed.execution.started_at,
    completed_at: completed.execution.completed_at,
    incomplete: false,
  });
  expect(run.created_at <= (run.started_at ?? "") || run.started_at === null).toBe(true);
  const list = await api.ask("GET", `/api/workspaces/default/runs?q=${runId}`);
  const listed = list.json<{ items: Run[] }>().items.find(({ run_id }) => run_id === runId);
  expect(listed).toMatchObject({ status: run.status, last_sequence: run.last_sequence });

  const fold = newSummary();
  for (const line of lines) foldSummary(fold, parseLine(line));
  const summary = await api.ask("GET", `/api/runs/${runId}/summary`);
  expect(summary.json<object>()).toEqual(JSON.parse(JSON.stringify(summaryForEmbedding(fold))));
  expect(completed.summary).toEqual(summary.json<object>());
}
