import type { JoinedLines } from "./joined-lines.ts";
import type { SequenceRange } from "./log-lines.ts";

/** Which events are rows, in which order: the row of an event, and the other way. */
export type RowOrder = {
  /** Rows among the first so many events. */
  rowsUpTo(sequence: number): number;
  /** The row, from 0, in which one sees the event; where it has none, the one before it. */
  rowOf(sequence: number): number;
  /** Of what has lost its row: the one that has come up in its place. */
  rowInPlaceOf(sequence: number): number;
  sequenceAt(row: number): number;
};

/** Only some of a log's rows. */
export class ListedRows implements RowOrder {
  readonly #joined: JoinedLines;
  readonly #sequences: readonly number[];

  /** `sequences`: of rows, in order. */
  constructor(joined: JoinedLines, sequences: readonly number[]) {
    this.#joined = joined;
    this.#sequences = sequences;
  }

  rowsUpTo(sequence: number): number {
    return countUpTo(this.#sequences, sequence);
  }
  rowOf(sequence: number): number {
    return Math.max(0, this.rowsUpTo(this.#joined.lineOf(sequence)?.first ?? sequence) - 1);
  }
  rowInPlaceOf(sequence: number): number {
    return this.rowOf(sequence);
  }
  sequenceAt(row: number): number {
    return this.#sequences[Math.min(row, this.#sequences.length - 1)] ?? 1;
  }
}

/** The rows of these events with so many before and behind each. */
export function rowsAround(joined: JoinedLines, head: number, sequences: readonly number[], context: number): number[] {
  const count = joined.rowsUpTo(head);
  const around: number[] = [];
  let next = 0;
  for (const sequence of sequences) {
    const row = joined.rowOf(sequence);
    for (next = Math.max(next, row - context); next <= Math.min(count - 1, row + context); next += 1)
      around.push(joined.sequenceAt(next));
  }
  return around;
}

/** All rows but those that lie in a fold, whose first row stays. */
export class FoldedRows implements RowOrder {
  readonly #joined: JoinedLines;
  /** Hidden rows from one to before another, in the order that has all of them, and how many are hidden before. */
  readonly #hidden: { from: number; to: number; before: number }[] = [];

  /** `folds`: nested or apart, in any order. */
  constructor(joined: JoinedLines, folds: readonly SequenceRange[]) {
    this.#joined = joined;
    let before = 0;
    for (const { first, last } of folds.toSorted((a, b) => a.first - b.first || b.last - a.last)) {
      const from = joined.rowOf(first) + 1;
      const to = joined.rowsUpTo(last);
      if (to <= from || from < (this.#hidden.at(-1)?.to ?? 0)) continue;
      this.#hidden.push({ from, to, before });
      before += to - from;
    }
  }

  rowsUpTo(sequence: number): number {
    return this.#shownBefore(this.#joined.rowsUpTo(sequence));
  }
  rowOf(sequence: number): number {
    return this.#seenIn(this.#joined.rowOf(sequence));
  }
  rowInPlaceOf(sequence: number): number {
    return this.#seenIn(this.#joined.rowInPlaceOf(sequence));
  }
  sequenceAt(row: number): number {
    let all = row;
    for (const { from, to } of this.#hidden) {
      if (all < from) break;
      all += to - from;
    }
    return this.#joined.sequenceAt(all);
  }

  /** How many of the first so many rows are shown. */
  #shownBefore(row: number): number {
    const last = this.#hidden.findLast(({ from }) => from < row);
    return last === undefined ? row : row - last.before - (Math.min(row, last.to) - last.from);
  }

  #seenIn(row: number): number {
    return Math.max(0, this.#shownBefore(row + 1) - 1);
  }
}

function countUpTo(sorted: readonly number[], most: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? Infinity) <= most) low = middle + 1;
    else high = middle;
  }
  return low;
}
