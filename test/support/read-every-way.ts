import { createHash } from "node:crypto";
import { expect } from "vitest";
import type { InspectedServer } from "./inspected-server.ts";
import { type Api, linesOf, sequenceOf } from "./api.ts";
import type { Acknowledged } from "./numbered-producer.ts";
import { SseReader } from "./sse.ts";
import { Watcher } from "./watcher.ts";

/** Reads a run's log in every form, demands that all are the same lines 1..n, and answers with them. The run has ended. */
export async function expectSameEverywhere(api: Api, runId: string): Promise<string[]> {
  const lines = await api.lines(runId);
  expectNumbered(lines);
  expect(await readPages(api, runId, 700)).toEqual(lines);

  const sse = new SseReader(api, runId);
  await sse.done;
  expect(sse.lines).toEqual(lines);
  expect(sse.messages.slice(0, -1).map(({ id }) => Number(id))).toEqual(lines.map(sequenceOf));
  const { status, last_sequence } = await api.run(runId);
  const ending = { status, last_sequence, sha256: hashOf(lines) };
  expect(sse.end).toEqual(ending);
  expect(last_sequence).toBe(lines.length);

  const watcher = new Watcher(api, runId);
  expect(await watcher.closed(60_000)).toEqual({ code: 1000, reason: "the run has ended" });
  expect(watcher.lines).toEqual(lines);
  expect(watcher.control("end")).toEqual({ op: "end", ...ending });

  expect((await api.read(runId, "format=text")).text).toBe(textOf(lines));
  return lines;
}

/** The same of an archived run, held against what R2 keeps. */
export async function expectSameInArchive(inspected: InspectedServer, runId: string): Promise<string[]> {
  await inspected.archived(runId);
  const lines = await expectSameEverywhere(inspected.api, runId);
  const folder = `workspaces/default/runs/${runId}/logs`;
  const stored = await inspected.bucket.get(`${folder}/events.ndjson`);
  const text = (await stored?.text()) ?? "";
  expect(linesOf(text)).toEqual(lines);
  const manifest = await inspected.bucket.get(`${folder}/manifest.json`);
  expectManifest(JSON.parse((await manifest?.text()) ?? "{}"), text);
  return lines;
}

type Manifest = {
  status: string;
  events: number;
  bytes: number;
  sha256: string;
  segments: { first_sequence: number; last_sequence: number; bytes: number; sha256: string; running: string }[];
};

/** Every number of the manifest, computed again from the log's bytes. */
export function expectManifest(manifest: Manifest, log: string): void {
  const bytes = Buffer.from(log);
  expect(manifest).toMatchObject({ events: linesOf(log).length, bytes: bytes.length, sha256: sha256(bytes) });
  let offset = 0;
  let next = 1;
  let running: Buffer = Buffer.alloc(0);
  for (const segment of manifest.segments) {
    const part = bytes.subarray(offset, offset + segment.bytes);
    expect(segment.first_sequence).toBe(next);
    expect(sequenceOf(part.toString())).toBe(segment.first_sequence);
    expect(segment.sha256).toBe(sha256(part));
    running = createHash("sha256").update(running).update(Buffer.from(segment.sha256, "hex")).digest();
    expect(segment.running).toBe(running.toString("hex"));
    next = segment.last_sequence + 1;
    offset += segment.bytes;
  }
  expect(offset).toBe(bytes.length);
  expect(next).toBe(linesOf(log).length + 1);
}

/** Of lines with their newlines. */
export const hashOf = (lines: readonly string[]): string =>
  sha256(Buffer.from(lines.map((line) => `${line}\n`).join("")));
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Sequences 1..n, each once, in order; nothing after the end. */
export function expectNumbered(lines: string[]): void {
  expect(lines.findIndex((line, at) => sequenceOf(line) !== at + 1)).toBe(-1);
  const completed = lines.filter((line) => JSON.parse(line).type === "run.completed");
  expect(completed.length === 0 || (completed.length === 1 && lines.at(-1) === completed[0])).toBe(true);
}

/** Every acknowledged line is in the log at the place it was acknowledged at, and no message is there twice. */
export function expectAcknowledged(lines: string[], batches: Acknowledged[]): void {
  for (const { messages, answer } of batches) {
    const from = (answer.first_sequence ?? 0) - 1;
    const stored = lines.slice(from, answer.last_sequence ?? 0).map((line) => JSON.parse(line).payload.message);
    expect(stored).toEqual(messages);
  }
  const all = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === "console.line");
  expect(new Set(all.map(({ payload }) => payload.message)).size).toBe(all.length);
}

/** Page after page; each must be exactly the lines it stands for, digit by digit. */
export async function readPages(api: Api, runId: string, limit: number): Promise<string[]> {
  const lines: string[] = [];
  for (let after = 0; ;) {
    const page = await api.read(runId, `after_sequence=${after}&limit=${limit}`, { accept: "application/json" });
    const match = /^\{"items":\[(.*)\],"next_after_sequence":(\d+)\}$/s.exec(page.text);
    const items = page.json<{ items: { sequence: number }[]; next_after_sequence: number }>();
    if (match === null) throw new Error(`not a page: ${page.text.slice(0, 200)}`);
    if (items.items.length === 0) return lines;
    // The lines themselves, between the commas: a parse would change digits.
    const texts = (match[1] ?? "").split(/,(?=\{"sequence":)/);
    expect(texts.length).toBe(items.items.length);
    lines.push(...texts);
    expect(items.next_after_sequence).toBe(items.items.at(-1)?.sequence);
    after = items.next_after_sequence;
  }
}

/** What `format=text` must give for these lines. */
export function textOf(lines: string[]): string {
  let text = "";
  for (const line of lines) {
    const { type, payload } = JSON.parse(line);
    if (type === "console.line") text += payload.message + (payload.partial === true ? "" : "\n");
  }
  return text;
}
