import type { AheadLines } from "../run/receipts.ts";

/**
 * `index.bin`: where in the whole log of an ended run, and in its timeline, a reader begins. All numbers are IEEE 754 doubles, little-endian, but for the
 * magic and the hashes; PROTOCOL.md §8 has the table of it. It is read whole, in one small read: 32 bytes a block.
 */

/** A block of the log: whole lines, this much at most, unless one line is longer. */
export const BLOCK_BYTES = 256 * 1024;
/** What one read of the log takes at most, but for a single line that is longer: two blocks. [WIN1] */
export const MOST_READ_BYTES = 2 * BLOCK_BYTES;

export type LogBlock = {
  firstSequence: number;
  offset: number;
  /** The log's time at its first line, epoch ms. */
  at: number;
  /** How many `metric.recorded` it has. */
  metrics: number;
};
/** A block of the timeline. `hash`: the first half of the SHA-256 of its bytes: what is read of a timeline cannot be checked against its place. */
export type TimelineBlock = { firstSequence: number; offset: number; hash: Uint8Array };

export type LogIndexFacts = {
  logBytes: number;
  lastSequence: number;
  blocks: readonly LogBlock[];
  timelineBytes: number;
  timeline: readonly TimelineBlock[];
  ahead: readonly AheadLines[];
};

export const HASH_BYTES = 16;
const MAGIC = "RCINDEX1";
const NUMBER_BYTES = 8;
const HEAD_BYTES = MAGIC.length + 6 * NUMBER_BYTES;
const BLOCK_RECORD_BYTES = 4 * NUMBER_BYTES;
const TIMELINE_RECORD_BYTES = 2 * NUMBER_BYTES + HASH_BYTES;
const AHEAD_RECORD_BYTES = 3 * NUMBER_BYTES;
const CHECK_BYTES = 32;

type Sha256 = (bytes: Uint8Array) => Promise<Uint8Array>;

/** The file. It ends with the SHA-256 of all that stands before: a reader takes it whole or not at all. [IND2] */
export async function encodeIndex(facts: LogIndexFacts, sha256: Sha256): Promise<Uint8Array> {
  const { blocks, timeline, ahead } = facts;
  const size =
    HEAD_BYTES +
    blocks.length * BLOCK_RECORD_BYTES +
    timeline.length * TIMELINE_RECORD_BYTES +
    ahead.length * AHEAD_RECORD_BYTES;
  const file = new Uint8Array(size + CHECK_BYTES);
  const view = new DataView(file.buffer);
  let at = MAGIC.length;
  const put = (...numbers: number[]): void => {
    for (const number of numbers) {
      view.setFloat64(at, number, true);
      at += NUMBER_BYTES;
    }
  };
  file.set(new TextEncoder().encode(MAGIC));
  put(facts.logBytes, facts.lastSequence, blocks.length, facts.timelineBytes, timeline.length, ahead.length);
  for (const block of blocks) put(block.firstSequence, block.offset, block.at, block.metrics);
  for (const { firstSequence, offset, hash } of timeline) {
    put(firstSequence, offset);
    file.set(hash.subarray(0, HASH_BYTES), at);
    at += HASH_BYTES;
  }
  for (const lines of ahead) put(lines.firstSequence, lines.lastSequence, Date.parse(lines.receivedAt));
  file.set(await sha256(file.subarray(0, size)), size);
  return file;
}

/** Null for a file that is not as it was written, whatever it is. [IND2] */
export async function readIndex(file: Uint8Array, sha256: Sha256): Promise<LogIndex | null> {
  const size = file.length - CHECK_BYTES;
  if (size < HEAD_BYTES || String.fromCharCode(...file.subarray(0, MAGIC.length)) !== MAGIC) return null;
  const check = await sha256(file.subarray(0, size));
  return check.every((byte, at) => file[size + at] === byte) ? new LogIndex(file) : null;
}

/** Where the lines of an archived log are. Records are looked up where they stand: there may be tens of thousands. */
export class LogIndex {
  readonly logBytes: number;
  readonly lastSequence: number;
  readonly blocks: number;
  readonly timelineBytes: number;
  readonly timelineBlocks: number;
  readonly #file: Uint8Array;
  readonly #view: DataView;
  readonly #ahead: number;

  /** `file`: as it was written. */
  constructor(file: Uint8Array) {
    this.#file = file;
    this.#view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    const head = (field: number): number => this.#number(MAGIC.length, field);
    this.logBytes = head(0);
    this.lastSequence = head(1);
    this.blocks = head(2);
    this.timelineBytes = head(3);
    this.timelineBlocks = head(4);
    this.#ahead = head(5);
  }

  block(at: number): LogBlock {
    const record = HEAD_BYTES + at * BLOCK_RECORD_BYTES;
    return {
      firstSequence: this.#number(record, 0),
      offset: this.#number(record, 1),
      at: this.#number(record, 2),
      metrics: this.#number(record, 3),
    };
  }

  timelineBlock(at: number): TimelineBlock {
    const record = this.#timelineStart() + at * TIMELINE_RECORD_BYTES;
    const hashAt = record + 2 * NUMBER_BYTES;
    return {
      firstSequence: this.#number(record, 0),
      offset: this.#number(record, 1),
      hash: this.#file.subarray(hashAt, hashAt + HASH_BYTES),
    };
  }

  /** Where a block ends in the log. */
  endOf(at: number): number {
    return at + 1 < this.blocks ? this.block(at + 1).offset : this.logBytes;
  }

  /** The last line of a block, as far as its number is known from the next. */
  lastSequenceOf(at: number): number {
    return at + 1 < this.blocks ? this.block(at + 1).firstSequence - 1 : this.lastSequence;
  }

  timelineEndOf(at: number): number {
    return at + 1 < this.timelineBlocks ? this.timelineBlock(at + 1).offset : this.timelineBytes;
  }

  /** The block that a line is in, if it is in any. */
  blockOf(sequence: number): number {
    return lastWhere(this.blocks, (at) => this.block(at).firstSequence <= sequence);
  }

  /** The block of the timeline that a line is in, if it is in any. */
  timelineBlockOf(sequence: number): number {
    return lastWhere(this.timelineBlocks, (at) => this.timelineBlock(at).firstSequence <= sequence);
  }

  /** The block that the first line of this time, or of a later one, is in or right behind. */
  blockAt(time: number): number {
    return lastWhere(this.blocks, (at) => this.block(at).at < time);
  }

  /** Lines whose time is later than their receipt. [TIME1] */
  ahead(): AheadLines[] {
    const start = this.#timelineStart() + this.timelineBlocks * TIMELINE_RECORD_BYTES;
    return Array.from({ length: this.#ahead }, (_, at) => {
      const record = start + at * AHEAD_RECORD_BYTES;
      const receivedAt = new Date(this.#number(record, 2)).toISOString();
      return { firstSequence: this.#number(record, 0), lastSequence: this.#number(record, 1), receivedAt };
    });
  }

  #timelineStart(): number {
    return HEAD_BYTES + this.blocks * BLOCK_RECORD_BYTES;
  }

  #number(record: number, field: number): number {
    return this.#view.getFloat64(record + field * NUMBER_BYTES, true);
  }
}

/** The last of `0..count` for which `holds`, which holds up to some place; the first of all when it holds nowhere. */
function lastWhere(count: number, holds: (at: number) => boolean): number {
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
