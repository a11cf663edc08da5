import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { encodeState, FIRST_STATE, readState, slotAt } from "./spool-state.ts";
import type { SpoolState } from "./spool-state.ts";
import { batchBytes, lastLine, wholeLinesBytes } from "./whole-lines.ts";

/** Files are this long; one whose lines are all stored is deleted. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
const SEGMENT = /^lines-(\d{16})\.ndjson$/;
export const segmentName = (start: number): string => `lines-${String(start).padStart(16, "0")}.ndjson`;
const READ_BYTES = 1024 * 1024;

/** Named by the count of bytes before it. */
type Segment = { start: number; bytes: number; file: number };

/**
 * The lines of a spool on disk, in files one behind the other, and the state beside them. Every write is one the system has taken when it
 * returns: it outlives this process, though not a machine that loses its power.
 */
export class SpoolFiles {
  readonly #folder: string;
  readonly #stateFile: number;
  #turn: number;
  #segments: Segment[] = [];
  readonly #segmentBytes: number;

  private constructor(folder: string, stateFile: number, turn: number, segmentBytes: number) {
    this.#folder = folder;
    this.#stateFile = stateFile;
    this.#turn = turn;
    this.#segmentBytes = segmentBytes;
  }

  /** In a folder that is empty yet. */
  static create(folder: string, segmentBytes = SEGMENT_BYTES): SpoolFiles {
    const files = new SpoolFiles(folder, openSync(join(folder, "state"), "wx+", 0o600), 0, segmentBytes);
    // Both slots are there from now on: what is written in place needs no room.
    files.saveState(FIRST_STATE);
    files.saveState(FIRST_STATE);
    files.#addSegment(0);
    return files;
  }

  /** What another process left, wherever it was killed: a line that was cut is none. Null when it is damaged beyond that. */
  static open(folder: string, segmentBytes = SEGMENT_BYTES): { files: SpoolFiles; state: SpoolState } | null {
    const found = readState(readFileSync(join(folder, "state"), "latin1"));
    if (found === null) return null;
    const files = new SpoolFiles(folder, openSync(join(folder, "state"), "r+"), found.turn + 1, segmentBytes);
    for (const start of segmentStarts(folder)) {
      const file = openSync(join(folder, segmentName(start)), "r+");
      files.#segments.push({ start, bytes: wholeBytes(file), file });
    }
    const { state } = found;
    const isWhole = files.#segments.every(({ start }, at) => at === 0 || start === files.#endOf(at - 1));
    const begin = files.#segments[0]?.start;
    if (!isWhole || begin === undefined || begin > (state.answered ? state.to : state.from)) {
      files.close();
      return null;
    }
    return { files, state };
  }

  /** Counted over everything that was ever written. */
  get end(): number {
    return this.#endOf(this.#segments.length - 1);
  }

  /** Writes whole lines behind all others, over what a kill has left of a line. Throws when the disk does not take them, and then none of them is there. */
  append(lines: Uint8Array): void {
    let segment = this.#segments.at(-1);
    if (segment === undefined || segment.bytes >= this.#segmentBytes) segment = this.#addSegment(this.end);
    try {
      writeWhole(segment.file, lines, segment.bytes);
    } catch (cause) {
      // A part of them would be sent twice: from here, and from where they are kept instead.
      ftruncateSync(segment.file, segment.bytes);
      throw cause;
    }
    segment.bytes += lines.byteLength;
  }

  /** The lines of a batch that begins there. Within one file, so that a file is never half of two. Throws when they are not there any more. */
  readBatch(from: number, maxBytes: number): Uint8Array<ArrayBuffer> {
    for (let window = maxBytes; ; window *= 2) {
      const bytes = beforeHole(this.read(from, from + window));
      const length = batchBytes(bytes, maxBytes);
      if (length > 0) return bytes.subarray(0, length);
      if (bytes.byteLength < window) throw new Error(`the spool in ${this.#folder} has no line at ${from}`);
    }
  }

  /** What is there of these bytes, within one file. */
  read(from: number, to: number): Uint8Array<ArrayBuffer> {
    const segment = this.#segments.findLast(({ start, bytes }) => start <= from && from < start + bytes);
    if (segment === undefined) return new Uint8Array();
    const length = Math.min(to, segment.start + segment.bytes) - from;
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const read = readSync(segment.file, bytes, done, length - done, from - segment.start + done);
      if (read === 0) break;
      done += read;
    }
    return bytes.subarray(0, done);
  }

  /** All lines from there on, a file's worth or less at a time. */
  *readFrom(from: number): Iterable<Uint8Array> {
    for (let at = from; at < this.end;) {
      const bytes = this.read(at, at + READ_BYTES);
      if (bytes.byteLength === 0) return;
      at += bytes.byteLength;
      yield bytes;
    }
  }

  /** The last line of all, also when it is stored already; null before the first. */
  get lastLine(): string | null {
    const last = this.#segments.findLast(({ bytes }) => bytes > 0);
    if (last === undefined) return null;
    const end = last.start + last.bytes;
    return lastLine(this.read(Math.max(last.start, end - READ_BYTES), end));
  }

  saveState(state: SpoolState): void {
    writeWhole(this.#stateFile, Buffer.from(encodeState(state, this.#turn), "latin1"), slotAt(this.#turn));
    this.#turn += 1;
  }

  /** Deletes the files whose lines are all before `upTo`. The last stays, for what is still to come. Throws when one cannot be deleted; it is tried again. */
  free(upTo: number): void {
    for (let [first] = this.#segments; first !== undefined; [first] = this.#segments) {
      if (this.#segments.length === 1 || this.#endOf(0) > upTo) return;
      // One that stays keeps those behind it: who resumes must find no gap between them.
      rmSync(join(this.#folder, segmentName(first.start)), { force: true });
      this.#segments.shift();
      closeSync(first.file);
    }
  }

  /** Throws when the disk has not taken all that was written; closed they are all the same. */
  close(): void {
    closeAll([...this.#segments.map(({ file }) => file), this.#stateFile]);
  }

  #addSegment(start: number): Segment {
    const segment = { start, bytes: 0, file: openSync(join(this.#folder, segmentName(start)), "wx+", 0o600) };
    this.#segments.push(segment);
    return segment;
  }

  #endOf(index: number): number {
    const segment = this.#segments[index];
    return segment === undefined ? 0 : segment.start + segment.bytes;
  }
}

export function segmentStarts(folder: string): number[] {
  return readdirSync(folder)
    .flatMap((name) => SEGMENT.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
}

function closeAll([first, ...rest]: readonly number[]): void {
  if (first === undefined) return;
  try {
    closeSync(first);
  } finally {
    closeAll(rest);
  }
}

/** No line holds a zero: it is what a system gives back where a file has lost what was written. */
function beforeHole(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const hole = bytes.indexOf(0);
  return hole === -1 ? bytes : bytes.subarray(0, hole);
}

/** Up to the last newline, looked for from the end. */
function wholeBytes(file: number): number {
  const { size } = fstatSync(file);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - READ_BYTES);
    const bytes = new Uint8Array(end - start);
    readSync(file, bytes, 0, bytes.byteLength, start);
    const whole = wholeLinesBytes(bytes);
    if (whole > 0) return start + whole;
    end = start;
  }
  return 0;
}

/** A disk that is nearly full takes a part of what it is given. */
function writeWhole(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.byteLength;) {
    done += writeSync(file, bytes, done, bytes.byteLength - done, at + done);
  }
}
