import { storedBytesOf, type Manifest } from "../protocol/proof/manifest.ts";
import { MOST_READ_BYTES, readIndex, type LogIndex } from "../core/index/log-index.ts";
import { readSizes, startAt } from "../core/index/log-start.ts";
import { WindowCutter } from "../core/reading/window-cutter.ts";
import type { LogWindow, RunAddress, SegmentKey } from "../core/ports.ts";
import { indexKey, manifestKey, segmentKey, timelineKey, wholeLogKey } from "./log-keys.ts";
import { piecesAhead } from "./pieces-ahead.ts";
import { isR2Error, OUTSIDE_THE_OBJECT } from "./r2-error.ts";
import { logSkipped } from "./server-log.ts";
import { manifestOf } from "./stored-manifest.ts";

/** About so much of the whole log is held at a time. */
const WINDOW_CHARS = 256 * 1024;

/** Of a log that is read in pieces: large enough that the way there and back counts little, small enough to hold some of them. */
const PIECE_BYTES = 2 * 1024 * 1024;

/** The stored log from some byte on. */
type Body = { size: number; body: AsyncIterable<Uint8Array> };

/** A byte-order mark is a byte like any other: what is signed is held against it. */
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** Reads a run's log from R2, a piece at a time, for readers outside its object. */
export class R2LogReader {
  readonly #bucket: R2Bucket;
  readonly #run: RunAddress;
  readonly #ahead: number;
  #index: Promise<LogIndex | null> | null = null;

  /** With `ahead` the whole log is read in pieces, of which so many are asked for before the reader comes to them. */
  constructor(bucket: R2Bucket, run: RunAddress, { ahead = 0 } = {}) {
    this.#bucket = bucket;
    this.#run = run;
    this.#ahead = ahead;
  }

  async readSegment(segment: SegmentKey): Promise<string | null> {
    const object = await this.#bucket.get(segmentKey(this.#run, segment));
    return object === null ? null : object.text();
  }

  /** A segment's bytes as they are stored. */
  async segmentBytes(segment: SegmentKey): Promise<ReadableStream<Uint8Array> | null> {
    const object = await this.#bucket.get(segmentKey(this.#run, segment));
    return object?.body ?? null;
  }

  /** The archived log's bytes as they are stored. */
  async wholeBytes(): Promise<ReadableStream<Uint8Array> | null> {
    const object = await this.#bucket.get(wholeLogKey(this.#run));
    return object?.body ?? null;
  }

  /** What R2 knows of the archived log; null when the run is not archived. */
  head(): Promise<R2Object | null> {
    return this.#bucket.head(wholeLogKey(this.#run));
  }

  /** A part of the archived log's bytes as they are. */
  async plain(range: { offset: number; length: number }): Promise<ReadableStream | null> {
    const object = await this.#bucket.get(wholeLogKey(this.#run), { range });
    return object?.body ?? null;
  }

  /** The file as it is stored. */
  async manifestBytes(): Promise<ArrayBuffer | null> {
    const object = await this.#bucket.get(manifestKey(this.#run));
    return object === null ? null : object.arrayBuffer();
  }

  async manifestFile(): Promise<string | null> {
    const bytes = await this.manifestBytes();
    return bytes === null ? null : decoder.decode(bytes);
  }

  async manifest(): Promise<Manifest | null> {
    const file = await this.manifestFile();
    return file === null ? null : manifestOf(this.#run, file);
  }

  /** The index of the archived log, read once; null where there is none that can be trusted. [IND2] */
  index(): Promise<LogIndex | null> {
    this.#index ??= this.#readIndex();
    return this.#index;
  }

  async #readIndex(): Promise<LogIndex | null> {
    const object = await this.#bucket.get(indexKey(this.#run));
    if (object === null) return null;
    const index = await readIndex(await object.bytes(), (bytes) => this.sha256(bytes));
    if (index === null) logSkipped("index", { run_id: this.#run.runId });
    return index;
  }

  /** Bytes of the timeline; null when they are not there. */
  timelineBytes(from: number, to: number): Promise<Uint8Array | null> {
    return this.#range(timelineKey(this.#run), from, to);
  }

  /** Something of the timeline is not as it was written. */
  noteTimeline(): void {
    logSkipped("timeline", { run_id: this.#run.runId });
  }

  async sha256(bytes: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  }

  async #range(key: string, from: number, to: number): Promise<Uint8Array | null> {
    try {
      const object = await this.#bucket.get(key, { range: { offset: from, length: to - from } });
      return object === null ? null : await object.bytes();
    } catch (error) {
      if (isR2Error(error, OUTSIDE_THE_OBJECT)) return null;
      throw error;
    }
  }

  /**
   * The archived log from the line after `afterSequence`; null when there is none. `piecewise`: in small reads, each when it is wanted; else as one body to its end.
   * [WIN1]
   */
  async wholeLog(afterSequence: number, piecewise = false): Promise<AsyncIterable<LogWindow> | null> {
    const index = afterSequence === 0 ? null : await this.index();
    if (index === null) return this.#wholeLog(afterSequence, piecewise);
    if (afterSequence >= index.lastSequence) return (await this.head()) === null ? null : nothing();
    const { offset, firstSequence } = startAt(index, afterSequence + 1);
    const start = await this.#from(offset, piecewise);
    // A log of another size than it was indexed with is damaged, and its lines are not where they were.
    if (start === null || start === "outside" || start.size !== index.logBytes)
      return this.#wholeLog(afterSequence, piecewise);
    return bodyWindows(offset === 0 ? start.body : behindNewline(start.body), firstSequence);
  }

  async #wholeLog(afterSequence: number, piecewise: boolean): Promise<AsyncIterable<LogWindow> | null> {
    const start = afterSequence === 0 ? FROM_THE_START : await this.#startOf(afterSequence + 1);
    if (start === "beyond") return (await this.head()) === null ? null : nothing();
    const object = await this.#from(start.offset, piecewise);
    if (object === null) return null;
    // A log of another size than it was proved with is damaged, and its segments are not where they were: the reader skips what it has.
    const isMoved = object === "outside" || (start.logBytes !== null && object.size !== start.logBytes);
    if (!isMoved) return bodyWindows(object.body, start.firstSequence);
    const whole = await this.#from(0, piecewise);
    if (whole === "outside") return nothing();
    return whole === null ? null : bodyWindows(whole.body, 1);
  }

  async #from(offset: number, piecewise: boolean): Promise<Body | "outside" | null> {
    const isAhead = this.#ahead > 0;
    try {
      const range = { offset, ...(piecewise ? { length: MOST_READ_BYTES } : isAhead ? { length: PIECE_BYTES } : {}) };
      const object = await this.#bucket.get(wholeLogKey(this.#run), { range });
      if (object === null || !(piecewise || isAhead)) return object;
      const { size, etag } = object;
      if (piecewise) return { size, body: this.#pieces(object, offset) };
      const body = piecesAhead({
        first: () => object.bytes(),
        offsets: { from: offset + PIECE_BYTES, to: size, step: PIECE_BYTES },
        ahead: this.#ahead,
        ask: (at) => this.#piece(at, PIECE_BYTES, etag),
      });
      return { size, body };
    } catch (error) {
      if (isR2Error(error, OUTSIDE_THE_OBJECT)) return "outside";
      throw error;
    }
  }

  async *#pieces(first: R2ObjectBody, offset: number): AsyncGenerator<Uint8Array> {
    yield await first.bytes();
    let at = offset + MOST_READ_BYTES;
    for (const length of readSizes()) {
      if (at >= first.size) return;
      yield await this.#piece(at, length, first.etag);
      at += length;
    }
  }

  async #piece(offset: number, length: number, etag: string): Promise<Uint8Array> {
    const options = { range: { offset, length }, onlyIf: { etagMatches: etag } };
    const object = await this.#bucket.get(wholeLogKey(this.#run), options);
    if (object === null || !("body" in object)) throw new Error("the log was deleted or replaced while it was read");
    return object.bytes();
  }

  /** Where the segment that held `sequence` begins in the whole log: the manifest keeps every segment's size. */
  async #startOf(sequence: number): Promise<Start | "beyond"> {
    const manifest = await this.manifest();
    // Not written yet, although the log is: read from the start, the reader skips what it has.
    if (manifest === null) return FROM_THE_START;
    let offset = 0;
    for (const segment of manifest.segments) {
      if (segment.last_sequence >= sequence)
        return { offset, firstSequence: segment.first_sequence, logBytes: offset === 0 ? null : logBytesOf(manifest) };
      offset += storedBytesOf(segment);
    }
    return "beyond";
  }
}

/** `logBytes`: the size that makes the offset right; null when any does. */
type Start = { offset: number; firstSequence: number; logBytes: number | null };
const logBytesOf = ({ segments }: Manifest): number =>
  segments.reduce((sum, segment) => sum + storedBytesOf(segment), 0);
const FROM_THE_START: Start = { offset: 0, firstSequence: 1, logBytes: null };

async function* nothing(): AsyncGenerator<LogWindow> {}

const NEWLINE = 0x0a;

/** From behind the newline that ends the line before: where that is damaged, the two lines are one that cannot be read. [WIN2] */
async function* behindNewline(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isBehind = false;
  for await (const piece of body) {
    const from: number = isBehind ? 0 : piece.indexOf(NEWLINE) + 1;
    isBehind ||= from > 0;
    if (isBehind) yield piece.subarray(from);
  }
}

/** Cuts a body into windows of whole lines. */
async function* bodyWindows(body: AsyncIterable<Uint8Array>, firstSequence: number): AsyncGenerator<LogWindow> {
  const pieces = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  const cutter = new WindowCutter(firstSequence, WINDOW_CHARS);
  for await (const chunk of body) {
    const window = cutter.add(pieces.decode(chunk, { stream: true }));
    if (window !== null) yield window;
  }
  const window = cutter.add(pieces.decode());
  if (window !== null) yield window;
  const rest = cutter.end();
  if (rest !== null) yield rest;
}
