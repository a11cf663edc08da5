import { lineHead } from "./line-head.ts";
import type { AheadLines } from "../run/receipts.ts";

/** The greatest time of these lines, none of them later than its receipt. */
export function latestTime(lines: Uint8Array, ahead: readonly AheadLines[]): string {
  const times = new LineTimes(ahead);
  for (let from = 0; from < lines.length; from = lines.indexOf(NEWLINE, from) + 1 || lines.length) {
    const head = lineHead(lines, from);
    if (head !== null) times.read(head.sequence, lines, head.timeFrom, head.timeTo);
  }
  return times.text;
}

const NEWLINE = 0x0a;

/** Years of four digits, to the millisecond, in UTC: such texts sort as their times do. */
const TIME_CHARS = "2026-11-21T02:30:00.123Z".length;

/** The log's time, line by line from the first, read from bytes: a text is made only of a time that is greater than all before it. [TIME1] */
export class LineTimes {
  readonly #ahead: readonly AheadLines[];
  #next = 0;
  #time = "";
  readonly #bytes = new Uint8Array(TIME_CHARS);

  constructor(ahead: readonly AheadLines[]) {
    this.#ahead = ahead;
  }

  /** The latest so far, as it is written; "" before the first. */
  get text(): string {
    return this.#time;
  }

  /** A line whose `created_at` stands at `from..to` of these bytes. */
  read(sequence: number, bytes: Uint8Array, from: number, to: number): void {
    if (to - from !== TIME_CHARS || !this.#isGreater(bytes, from)) return;
    const createdAt = String.fromCharCode(...bytes.subarray(from, to));
    while ((this.#ahead[this.#next]?.lastSequence ?? Infinity) < sequence) this.#next += 1;
    const noted = this.#ahead[this.#next];
    const isAhead = noted !== undefined && noted.firstSequence <= sequence && noted.receivedAt < createdAt;
    const time = isAhead ? noted.receivedAt : createdAt;
    if (time <= this.#time) return;
    this.#time = time;
    for (let at = 0; at < TIME_CHARS; at += 1) this.#bytes[at] = time.charCodeAt(at);
  }

  /** Epoch ms; before the first line that of the beginning of all times. */
  now(): number {
    const time = Date.parse(this.#time);
    return Number.isNaN(time) ? Date.parse("0000-01-01T00:00:00.000Z") : time;
  }

  #isGreater(bytes: Uint8Array, from: number): boolean {
    for (let at = 0; at < TIME_CHARS; at += 1) {
      const difference = (bytes[from + at] ?? 0) - (this.#bytes[at] ?? 0);
      if (difference !== 0) return difference > 0;
    }
    return false;
  }
}
