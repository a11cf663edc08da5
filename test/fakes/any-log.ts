import * as fc from "fast-check";
import { LogIndexer } from "../../core/index/log-indexer.ts";
import type { AheadLines } from "../../core/run/receipts.ts";
import { assembleLine, draftEvent } from "../../protocol/ndjson.ts";

/** One line: what it is, how long, how long after the one before, and how far its producer's clock is from the server's. */
const said = fc.record({
  type: fc.constantFrom("console.line", "console.line", "console.line", "metric.recorded", "step.started", "a.b"),
  chars: fc.oneof(
    { weight: 4, arbitrary: fc.nat(300) },
    { weight: 2, arbitrary: fc.integer({ min: 30_000, max: 250_000 }) },
  ),
  afterMs: fc.constantFrom(0, 0, 1, 60_000),
  skewMs: fc.constantFrom(0, 0, 0, -5_000, 9_000),
  partial: fc.boolean(),
});

export type AnyLog = { lines: string[]; times: string[]; ahead: AheadLines[] };

/** Logs of up to some MiB whose lines end anywhere in a block. */
export const anyLog = (maxLength: number): fc.Arbitrary<AnyLog> =>
  fc.array(said, { minLength: 1, maxLength, size: "max" }).map((all) => {
    let now = Date.parse("2026-11-21T02:30:00.000Z");
    let time = "";
    const log: AnyLog = { lines: [], times: [], ahead: [] };
    for (const [at, { type, chars, afterMs, skewMs, partial }] of all.entries()) {
      now += afterMs;
      const sequence = at + 1;
      const createdAt = new Date(now + skewMs).toISOString();
      const receivedAt = new Date(now).toISOString();
      const payload = { message: `é${"x".repeat(chars)}`, ...(partial ? { partial } : {}), name: "m", value: at };
      log.lines.push(assembleLine(draftEvent(type, null, payload), sequence, createdAt));
      if (createdAt > receivedAt) log.ahead.push({ firstSequence: sequence, lastSequence: sequence, receivedAt });
      const bounded = createdAt < receivedAt ? createdAt : receivedAt;
      if (bounded > time) time = bounded;
      log.times.push(time);
    }
    return log;
  });

export const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

export const sha256 = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes)));

/** The index and timeline of a log that comes in such pieces. */
export async function indexed(
  log: Pick<AnyLog, "lines" | "ahead">,
  pieceBytes = 65_536,
): Promise<{ bytes: Uint8Array; index: Uint8Array; timeline: Uint8Array }> {
  const bytes = new TextEncoder().encode(textOf(log.lines));
  const timeline: Uint8Array[] = [];
  const indexer = new LogIndexer(log.ahead, { sha256, timeline: async (block) => void timeline.push(block) });
  for (let at = 0; at < bytes.length; at += pieceBytes) await indexer.add(bytes.slice(at, at + pieceBytes));
  return { bytes, index: await indexer.finish(), timeline: joined(timeline) };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
