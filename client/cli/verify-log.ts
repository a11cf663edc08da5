import { createHash } from "node:crypto";
import type { Proof } from "../../protocol/api.ts";
import { parseLine } from "../../protocol/ndjson.ts";

type Range = Proof["gaps"][number];

/**
 * Reads a log (NDJSON) and tells whether it is whole: every sequence from 1 on, once and in order, every line readable. `sha256` is over all
 * lines with their newlines.
 */
export async function verifyLog(chunks: AsyncIterable<Uint8Array>): Promise<Proof> {
  const hash = createHash("sha256");
  const gaps: Range[] = [];
  const damaged: Range[] = [];
  let events = 0;
  let last = 0;
  for await (const line of linesOf(chunks)) {
    hash.update(line).update("\n");
    const sequence = parseLine(line.toString("utf8"))?.sequence ?? null;
    if (sequence === null) {
      // It stands for the event whose turn it was.
      last += 1;
      extend(damaged, last);
      continue;
    }
    if (sequence <= last) {
      extend(damaged, sequence);
      continue;
    }
    if (sequence > last + 1) gaps.push({ first: last + 1, last: sequence - 1 });
    last = sequence;
    events += 1;
  }
  const complete = gaps.length === 0 && damaged.length === 0 && events > 0;
  return { complete, events, sha256: hash.digest("hex"), gaps, damaged };
}

function extend(ranges: Range[], sequence: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.last + 1 === sequence) last.last = sequence;
  else ranges.push({ first: sequence, last: sequence });
}

/** Split at newlines alone: a line of JSON may hold the other line separators of Unicode. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let unfinished: Buffer[] = [];
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk);
    let start = 0;
    for (let newline = bytes.indexOf(0x0a); newline !== -1; newline = bytes.indexOf(0x0a, start)) {
      yield Buffer.concat([...unfinished, bytes.subarray(start, newline)]);
      unfinished = [];
      start = newline + 1;
    }
    if (start < bytes.length) unfinished.push(bytes.subarray(start));
  }
  if (unfinished.length > 0) yield Buffer.concat(unfinished);
}
