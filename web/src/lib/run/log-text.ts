import { blockOf, lastOfBlock, type LogLines, type SequenceRange } from "../console/log-lines.ts";
import type { LogRows } from "../console/log-rows.ts";
import type { LogPages } from "./log-pages.ts";

/** More than a clipboard is for; whoever wants it can download it. */
const MOST_ROWS = 200_000;

export type ReadText = { kind: "ok"; texts: string[] } | { kind: "failed"; reason: string };

/** What rows say, to be copied: all of it, however long they are and whether they are drawn or not. */
export class LogText {
  readonly #log: LogLines;
  readonly #rows: LogRows;
  readonly #pages: LogPages;

  constructor(log: LogLines, rows: LogRows, pages: LogPages) {
    this.#log = log;
    this.#rows = rows;
    this.#pages = pages;
  }

  /** Of each row from this event's to that one's; null when not all of it is here. */
  here(first: number, last: number): string[] | null {
    const { joined } = this.#rows;
    const [from, to] = [joined.rowOf(first), joined.rowOf(last)];
    if (to - from >= MOST_ROWS) return null;
    const texts: string[] = [];
    for (let row = from; row <= to; row += 1) {
      const sequence = joined.sequenceAt(row);
      const text = this.#missing(sequence).length > 0 ? null : this.#rows.textOf(sequence);
      if (text === null) return null;
      texts.push(text);
    }
    return texts;
  }

  /** The same, of rows that are here or not. */
  async read(first: number, last: number): Promise<ReadText> {
    const { joined } = this.#rows;
    const texts: string[] = [];
    // Rows become parts of others while they are read: an event stays what it is.
    let sequence = joined.sequenceAt(joined.rowOf(first));
    while (sequence <= Math.min(last, this.#log.head)) {
      if (texts.length >= MOST_ROWS) return { kind: "failed", reason: "it is too long for that; download it instead" };
      try {
        // A line may turn out to be longer with every block.
        for (let ranges = this.#missing(sequence); ranges.length > 0; ranges = this.#missing(sequence))
          for (const range of ranges) await this.#pages.read(range);
      } catch (cause) {
        return { kind: "failed", reason: cause instanceof Error ? cause.message : String(cause) };
      }
      const text = this.#rows.textOf(sequence);
      if (text === null) return { kind: "failed", reason: "some of it has not arrived yet" };
      texts.push(text);
      sequence = joined.sequenceAt(joined.rowOf(sequence) + 1);
    }
    return { kind: "ok", texts };
  }

  /** What has to be read for the event's row: its parts, and what is behind the last block of them, which may go on with it. */
  #missing(sequence: number): SequenceRange[] {
    const parts = this.#rows.partsOf(sequence);
    const next = lastOfBlock(blockOf(parts.at(-1) ?? sequence)) + 1;
    return this.#log.missing([...parts, next]);
  }
}
