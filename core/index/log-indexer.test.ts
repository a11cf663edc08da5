import * as fc from "fast-check";
import { expect, test } from "vitest";
import { lineType } from "../../protocol/type-filter.ts";
import { anyLog, indexed, sha256, textOf } from "../../test/fakes/any-log.ts";
import { runs } from "../../test/simulation/settings.ts";
import { parseLine } from "../../protocol/ndjson.ts";
import { BLOCK_BYTES, encodeIndex, MOST_READ_BYTES, readIndex, type LogIndex } from "./log-index.ts";
import { startAt } from "./log-start.ts";

async function read(file: Uint8Array): Promise<LogIndex> {
  const index = await readIndex(file, sha256);
  if (index === null) throw new Error("the index cannot be read");
  return index;
}

test("[IND1] however a log is cut on its way, its index has each block's first line, place, time and metrics, and its timeline every event but output and metrics", async () => {
  let mostBlocks = 0;
  await fc.assert(
    fc.asyncProperty(anyLog(25), fc.integer({ min: 1, max: 300_000 }), async (log, pieceBytes) => {
      const { bytes, index: file, timeline } = await indexed(log, pieceBytes < 500 ? 500 : pieceBytes);
      const index = await read(file);
      mostBlocks = Math.max(mostBlocks, index.blocks, index.timelineBlocks);
      expect([index.logBytes, index.lastSequence]).toEqual([bytes.length, log.lines.length]);
      for (let block = 0; block < index.blocks; block += 1) {
        const { firstSequence, offset, at, metrics } = index.block(block);
        const next = index.endOf(block);
        expect(offset).toBe(Buffer.byteLength(textOf(log.lines.slice(0, firstSequence - 1))));
        expect(new Date(at).toISOString()).toBe(log.times[firstSequence - 1]);
        const lines = Buffer.from(bytes.subarray(offset, next)).toString().split("\n").slice(0, -1);
        expect(metrics).toBe(lines.filter((line) => lineType(line) === "metric.recorded").length);
        expect(next - offset <= BLOCK_BYTES || lines.length === 1).toBe(true);
        for (const line of lines) expect(index.blockOf(parseLine(line)?.sequence ?? 0)).toBe(block);
      }
      const kept = log.lines.filter((line) => !["console.line", "metric.recorded"].includes(lineType(line)));
      expect(Buffer.from(timeline).toString()).toBe(textOf(kept));
      expect(index.timelineBytes).toBe(timeline.length);
      for (let block = 0; block < index.timelineBlocks; block += 1) {
        const { firstSequence, offset, hash } = index.timelineBlock(block);
        const part = timeline.subarray(offset, index.timelineEndOf(block));
        expect(parseLine(Buffer.from(part).toString().split("\n")[0] ?? "")?.sequence).toBe(firstSequence);
        expect(Buffer.from(hash)).toEqual(Buffer.from(await sha256(part)).subarray(0, 16));
      }
      expect(index.ahead()).toEqual(log.ahead);
      // Made again, it is the same.
      expect((await indexed(log, 70_000)).index).toEqual(file);
    }),
    runs(25),
  );
  expect(mostBlocks).toBeGreaterThan(5);
});

test("[IND2] an index of which one byte is another, or the end is missing, is none", async () => {
  const log = {
    lines: ['{"sequence":1,"type":"run.queued","created_at":"2026-11-21T02:30:00.123Z","payload":{}}'],
    ahead: [],
  };
  const { index: file } = await indexed(log);
  expect(await readIndex(file, sha256)).not.toBeNull();
  for (let at = 0; at < file.length; at += 1) {
    const damaged = file.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    expect(await readIndex(damaged, sha256)).toBeNull();
    expect(await readIndex(file.subarray(0, at), sha256)).toBeNull();
  }
});

test("[WIN1] of ten million events the index is one read of some hundred KB, and every line's block begins within one read of half a MiB", async () => {
  const EVENTS = 10_000_000;
  const LINE_BYTES = 250;
  const linesABlock = Math.floor(BLOCK_BYTES / LINE_BYTES);
  const blocks = Array.from({ length: Math.ceil(EVENTS / linesABlock) }, (_, at) => ({
    firstSequence: at * linesABlock + 1,
    offset: at * linesABlock * LINE_BYTES,
    at: Date.parse("2026-11-21T02:30:00.000Z") + at,
    metrics: 0,
  }));
  const facts = {
    logBytes: EVENTS * LINE_BYTES,
    lastSequence: EVENTS,
    blocks,
    timelineBytes: 0,
    timeline: [],
    ahead: [],
  };
  const file = await encodeIndex(facts, sha256);
  expect(file.length).toBeLessThan(400_000);
  const index = await read(file);
  for (let sequence = 1; sequence <= EVENTS; sequence += 99_991) {
    const { offset } = startAt(index, sequence);
    const lineEnd = sequence * LINE_BYTES;
    expect(offset).toBeLessThanOrEqual(lineEnd - LINE_BYTES);
    expect(lineEnd - offset).toBeLessThanOrEqual(MOST_READ_BYTES / 2 + 1);
  }
});
