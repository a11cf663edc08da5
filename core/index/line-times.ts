import type { AheadLines } from "../run/receipts.ts";
import { lineHead, TIME_BYTES } from "./line-head.ts";

const NEWLINE = 0x0a;

/** The greatest time of these lines, none of them later than its receipt; "" of none. */
export function latestTime(lines: Uint8Array, ahead: readonly AheadLines[]): string {
  const times = new LineTimes(ahead);
  for (let from = 0; from < lines.length; from = lines.indexOf(NEWLINE, from) + 1 || lines.length) {
    const head = lineHead(lines, from);
    if (head !== null) times.read(head.sequence, lines, head.timeFrom);
  }
  return times.latest();
}

/** The log's time, line by line from the first, kept as bytes: most lines move it, and few want to know it. [TIME1] */
export class LineTimes {
  readonly #ahead: readonly AheadLines[];
  #next = 0;
  readonly #latest = new Uint8Array(TIME_BYTES);

  constructor(ahead: readonly AheadLines[]) {
    this.#ahead = ahead;
  }

  /** A line whose `created_at` stands at `from` of these bytes. */
  read(sequence: number, bytes: Uint8Array, from: number): void {
    if (!this.#isGreater(bytes, from)) return;
    while ((this.#ahead[this.#next]?.lastSequence ?? Infinity) < sequence) this.#next += 1;
    const noted = this.#ahead[this.#next];
    if (noted === undefined || noted.firstSequence > sequence) return this.#take(bytes, from);
    const receivedAt = Uint8Array.from(noted.receivedAt, (character) => character.charCodeAt(0));
    const isEarlier = noted.receivedAt < textAt(bytes, from);
    if (!isEarlier) this.#take(bytes, from);
    else if (this.#isGreater(receivedAt, 0)) this.#take(receivedAt, 0);
  }

  /** As it is written; "" before the first line. */
  latest(): string {
    return this.#latest[0] === 0 ? "" : textAt(this.#latest, 0);
  }

  /** Epoch ms; before the first line that of the beginning of all times. */
  now(): number {
    const time = Date.parse(this.latest());
    return Number.isNaN(time) ? Date.parse("0000-01-01T00:00:00.000Z") : time;
  }

  #take(bytes: Uint8Array, from: number): void {
    for (let at = 0; at < TIME_BYTES; at += 1) this.#latest[at] = bytes[from + at] ?? 0;
  }

  #isGreater(bytes: Uint8Array, from: number): boolean {
    for (let at = 0; at < TIME_BYTES; at += 1) {
      const difference = (bytes[from + at] ?? 0) - (this.#latest[at] ?? 0);
      if (difference !== 0) return difference > 0;
    }
    return false;
  }
}

const textAt = (bytes: Uint8Array, from: number): string =>
  String.fromCharCode(...bytes.subarray(from, from + TIME_BYTES));
