import type { SearchLine } from "../../../../protocol/search.ts";

export type HitRange = readonly [start: number, end: number];

/** The lines that a search has found so far, by the sequence that links to them, in the order of the log. */
export class SearchHits {
  readonly #sequences: number[] = [];
  readonly #ranges = new Map<number, readonly HitRange[]>();
  #scannedTo = 0;
  #damaged = 0;

  get count(): number {
    return this.#sequences.length;
  }
  get sequences(): readonly number[] {
    return this.#sequences;
  }
  /** Every line that ends here or before has been searched. */
  get scannedTo(): number {
    return this.#scannedTo;
  }
  /** Lines that could not be read, and so not be searched. */
  get damaged(): number {
    return this.#damaged;
  }

  take(line: SearchLine): void {
    if (!("op" in line)) this.#put(line.sequence, line.ranges);
    else if (line.op === "damaged") this.#damaged += line.last - line.first + 1;
    else this.#scannedTo = Math.max(this.#scannedTo, line.scanned_to);
  }

  rangesOf(sequence: number): readonly HitRange[] | null {
    return this.#ranges.get(sequence) ?? null;
  }

  /** How many of them are at or before the line: of a hit its number, from 1. */
  numberOf(sequence: number): number {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sequences[middle] ?? Infinity) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The next one behind the line, or before it; round the end of the log to its other end. Null: there is none. */
  next(from: number, direction: 1 | -1): number | null {
    const upTo = this.numberOf(from);
    const isHit = this.#sequences[upTo - 1] === from;
    const at = direction === 1 ? upTo : upTo - (isHit ? 2 : 1);
    const count = this.count;
    return this.#sequences[(at + count) % Math.max(1, count)] ?? null;
  }

  /** A line that was still open is found again when it is whole; one in parts may be told after lines that began later. */
  #put(sequence: number, ranges: readonly HitRange[]): void {
    if (!this.#ranges.has(sequence)) this.#sequences.splice(this.numberOf(sequence), 0, sequence);
    this.#ranges.set(sequence, ranges);
  }
}
