/** Lines are kept and fetched by the block; one is a request's worth and a few hundred kilobytes at most in practice. */
export const BLOCK_LINES = 500;

/** Characters kept before blocks far from view are dropped; they are read again when one looks there (R100). One character is a byte or two. */
const KEEP_CHARACTERS = 48 * 1024 * 1024;

/** Stands in a line's place; no event line is empty. */
const DAMAGED = "";

type Block = { lines: (string | undefined)[]; characters: number; complete: boolean };
export type SequenceRange = { first: number; last: number };

/**
 * The event lines of one run, as far as they are here: the end as it arrives, and whatever block one has looked at. Lines are kept as
 * they came and parsed only when drawn.
 */
export class LogLines {
  readonly #keepCharacters: number;
  /** In order of last use, the oldest first. */
  readonly #blocks = new Map<number, Block>();
  #head = 0;
  #watchedFrom = 0;
  #delivered = 0;
  #characters = 0;

  constructor(keepCharacters: number = KEEP_CHARACTERS) {
    this.#keepCharacters = keepCharacters;
  }

  /** The greatest sequence known to exist. */
  get head(): number {
    return this.#head;
  }

  /** The lines behind `position` that the watch has brought by now, in order; null for one that cannot be read. */
  *arrivedAfter(position: number): Generator<{ sequence: number; line: string | null }> {
    for (let sequence = Math.max(position, this.#watchedFrom) + 1; sequence <= this.#delivered; sequence += 1) {
      const found = this.line(sequence);
      yield { sequence, line: found.kind === "here" ? found.line : null };
    }
  }

  /** What the watch has brought, or said to be unreadable, ends here. */
  get delivered(): number {
    return this.#delivered;
  }

  get keptCharacters(): number {
    return this.#characters;
  }

  /** The log is at least this long. */
  knowHead(sequence: number): void {
    this.#head = Math.max(this.#head, sequence);
  }

  /**
   * Where a watch is to begin so that it brings about the last `lines` lines and the blocks from there on are whole. Earlier ones are
   * fetched when one looks at them: a log of any length opens at once.
   */
  watchFrom(head: number, lines: number): number {
    this.knowHead(head);
    this.#watchedFrom = Math.max(0, Math.floor((head - lines) / BLOCK_LINES) * BLOCK_LINES);
    this.#delivered = this.#watchedFrom;
    return this.#watchedFrom;
  }

  /** New lines at the end, in order. A block counts as whole when its last line has come. */
  append(lines: readonly { sequence: number; line: string }[]): void {
    for (const { sequence, line } of lines) this.#put(sequence, line);
    const last = lines.at(-1);
    if (last !== undefined) this.#deliveredUpTo(last.sequence);
  }

  /** The watch says that these lines of the stored log cannot be read. */
  damage(range: SequenceRange): void {
    for (let sequence = range.first; sequence <= range.last; sequence += 1) this.#put(sequence, DAMAGED);
    this.#deliveredUpTo(range.last);
  }

  /** The answer to a request for `range`: what it does not hold cannot be read and counts as damaged. */
  fill(range: SequenceRange, lines: readonly { sequence: number; line: string }[]): void {
    for (const { sequence, line } of lines) this.#put(sequence, line);
    for (let index = blockOf(range.first); index <= blockOf(range.last); index += 1) this.#block(index).complete = true;
  }

  /** The line as it came, why there is none, or that it is not here yet. */
  line(sequence: number): { kind: "here"; line: string } | { kind: "damaged" } | { kind: "awaited" } {
    const block = this.#blocks.get(blockOf(sequence));
    const line = block?.lines[(sequence - 1) % BLOCK_LINES];
    if (line === DAMAGED) return { kind: "damaged" };
    if (line !== undefined) return { kind: "here", line };
    return { kind: block?.complete === true ? "damaged" : "awaited" };
  }

  /** Whole blocks to be fetched so that these events can be drawn. What the watch has yet to bring is not asked for. */
  missing(needed: readonly number[]): SequenceRange[] {
    const ranges: SequenceRange[] = [];
    for (const index of new Set(needed.map(blockOf))) {
      if (this.#blocks.get(index)?.complete === true) continue;
      const first = index * BLOCK_LINES + 1;
      const last = lastOfBlock(index);
      const isStillComing = first > this.#watchedFrom && last > this.#delivered;
      if (first <= this.#head && !isStillComing) ranges.push({ first, last });
    }
    return ranges;
  }

  /** Marks what is being looked at as used, and drops the blocks looked at longest ago when there is too much. */
  keep(needed: readonly number[]): void {
    const inView = new Set(needed.map(blockOf));
    for (const index of inView) {
      const block = this.#blocks.get(index);
      if (block === undefined) continue;
      this.#blocks.delete(index);
      this.#blocks.set(index, block);
    }
    for (const [index, block] of this.#blocks) {
      if (this.#characters <= this.#keepCharacters) return;
      // An incomplete block is still filling at the head; what is in view is needed now.
      if (!block.complete || inView.has(index)) continue;
      this.#blocks.delete(index);
      this.#characters -= block.characters;
    }
  }

  #deliveredUpTo(sequence: number): void {
    this.#delivered = Math.max(this.#delivered, sequence);
    this.knowHead(sequence);
  }

  #put(sequence: number, line: string): void {
    const block = this.#block(blockOf(sequence));
    const at = (sequence - 1) % BLOCK_LINES;
    if (block.lines[at] === undefined) {
      block.characters += line.length;
      this.#characters += line.length;
    }
    block.lines[at] = line;
    if (at === BLOCK_LINES - 1) block.complete = true;
  }

  #block(index: number): Block {
    let block = this.#blocks.get(index);
    if (block === undefined) {
      block = { lines: [], characters: 0, complete: false };
      this.#blocks.set(index, block);
    }
    return block;
  }
}

export const blockOf = (sequence: number): number => Math.floor((Math.max(1, sequence) - 1) / BLOCK_LINES);
export const lastOfBlock = (block: number): number => (block + 1) * BLOCK_LINES;
