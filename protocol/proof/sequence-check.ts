/** Sequences `first` to `last`. */
export type SequenceRange = { first: number; last: number };

/** Why lines are not what they should be. */
export const DAMAGE_REASONS = [
  /** No event can be read there. */
  "unreadable",
  /** There twice, out of its place, or under another number. */
  "misplaced",
  /** Each line can be read, but their bytes are not those that were stored. */
  "altered",
  /** Nothing can be held against them: there is no manifest that could be trusted. */
  "unproved",
] as const;
export type DamagedRange = SequenceRange & { reason: (typeof DAMAGE_REASONS)[number] };

/** However broken a log is, this many ranges of each kind are told; the last of them then reaches over the rest. */
const MOST_RANGES = 1_000;

/** What a line turned out to be, once it is known. */
export type Taken =
  /** Its place is certain: it is the line of `sequence`, or of nothing. */
  | { kind: "placed"; sequence: number | null }
  /** It is far from where it should be: what comes next tells whether lines are missing before it, or its number is wrong. */
  | { kind: "waits" };

/**
 * Holds the lines of a log, in the order in which they are stored, against 1..head. Each sequence ends up there once, missing (a gap), or damaged:
 * unreadable, there twice, or out of its place. [VER1]
 */
export class SequenceCheck {
  readonly gaps: SequenceRange[] = [];
  readonly damaged: DamagedRange[] = [];
  events = 0;
  #last = 0;
  /** Lines since the last that was placed which are not what should be there. */
  #strays = 0;
  /** Whether one of them names a sequence. */
  #isMisplaced = false;
  /** What those of them say they are that were there already. */
  #repeated: SequenceRange | null = null;
  #waiting: number | null = null;
  /** What strays say they are that should come later. */
  #claims: number[] = [];
  /** Lines that came too early, and stand in nobody's place: they are there, but not where they belong. */
  readonly #early = new Set<number>();

  /** The last sequence that is accounted for. */
  get last(): number {
    return this.#last;
  }

  /** What became of the line that waited, if one did; ask before `take`. `next` is the line after it, null when there is none or it cannot be read. */
  settle(next: number | null): { sequence: number | null } | null {
    const waiting = this.#waiting;
    if (waiting === null) return null;
    this.#waiting = null;
    // A wrong number is one line's; lines that are missing leave those behind them in order.
    const isPlace = next === null || next >= waiting;
    if (isPlace) this.#place(waiting);
    else {
      this.#strays += 1;
      this.#isMisplaced = true;
      this.#claims.push(waiting);
    }
    return { sequence: isPlace ? waiting : null };
  }

  /** `sequence` is null for a line that cannot be read, or names a sequence that cannot be. */
  take(sequence: number | null): Taken {
    if (sequence === null) {
      this.#strays += 1;
      return { kind: "placed", sequence: null };
    }
    if (sequence <= this.#last) {
      this.#strays += 1;
      this.#isMisplaced = true;
      const { first, last } = this.#repeated ?? { first: sequence, last: sequence };
      this.#repeated = { first: Math.min(first, sequence), last: Math.max(last, sequence) };
      return { kind: "placed", sequence: null };
    }
    const missing = sequence - this.#last - 1;
    if (missing > 0 && missing !== this.#strays) {
      this.#waiting = sequence;
      return { kind: "waits" };
    }
    this.#place(sequence);
    return { kind: "placed", sequence };
  }

  /** Nothing of these lines can be found. */
  lose(first: number, last: number): void {
    this.#accountFor(first);
    this.#noteMissing(Math.max(first, this.#last + 1), last);
    this.#last = Math.max(this.#last, last);
  }

  /** There are no more lines, and should be as many as `head`. */
  end(head: number): void {
    this.#accountFor(head + 1);
  }

  #place(sequence: number): void {
    this.#accountFor(sequence);
    if (this.#early.delete(sequence)) note(this.damaged, { first: sequence, last: sequence, reason: "misplaced" });
    this.events += 1;
    this.#last = sequence;
  }

  /** Nothing is in the place of these; one of them may have come before its turn. */
  #noteMissing(first: number, last: number): void {
    let from = first;
    const early = [...this.#early].filter((sequence) => sequence >= first && sequence <= last);
    for (const sequence of early.toSorted((a, b) => a - b)) {
      note(this.gaps, { first: from, last: sequence - 1 });
      note(this.damaged, { first: sequence, last: sequence, reason: "misplaced" });
      this.#early.delete(sequence);
      from = sequence + 1;
    }
    note(this.gaps, { first: from, last });
  }

  /** What lies between the last line that was placed and `next`: for each stray a line is damaged, the rest is missing. */
  #accountFor(next: number): void {
    const missing = Math.max(0, next - this.#last - 1);
    const reason = this.#isMisplaced ? "misplaced" : "unreadable";
    const spare = this.#strays - missing;
    const early = this.#claims.filter((claim) => claim > next - 1);
    if (spare > 0 && early.length >= spare && this.#early.size + spare <= MOST_RANGES) {
      for (const claim of early.slice(-spare)) this.#early.add(claim);
    } else if (spare > 0) {
      // More than there is room for: lines that are there twice, or something beside the last line that is none.
      const { first, last } = this.#repeated ?? { first: Math.max(1, this.#last), last: Math.max(1, this.#last) };
      note(this.damaged, { first, last, reason });
    }
    const damaged = Math.min(missing, this.#strays);
    note(this.damaged, { first: this.#last + 1, last: this.#last + damaged, reason });
    this.#noteMissing(this.#last + damaged + 1, next - 1);
    this.#strays = 0;
    this.#claims = [];
    this.#isMisplaced = false;
    this.#repeated = null;
    this.#last = Math.max(this.#last, next - 1);
  }
}

type Range = SequenceRange & Partial<Pick<DamagedRange, "reason">>;

/** Adds a range, joined to the one before where they touch and are alike. */
export function note<R extends Range>(ranges: R[], range: R): void {
  const { first, last } = range;
  if (last < first) return;
  const before = ranges.at(-1);
  const touches = before !== undefined && first >= before.first && first <= before.last + 1;
  if (touches && before.reason === range.reason) before.last = Math.max(before.last, last);
  else if (before !== undefined && ranges.length >= MOST_RANGES) {
    before.first = Math.min(before.first, first);
    before.last = Math.max(before.last, last);
  } else ranges.push({ ...range });
}

/** The ranges from the first to the last, those that touch and are alike joined. */
export function inOrder<R extends Range>(ranges: readonly R[]): R[] {
  const ordered: R[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) note(ordered, range);
  return ordered;
}

export const meets = (ranges: readonly SequenceRange[], { first, last }: SequenceRange): boolean =>
  ranges.some((range) => range.first <= last && range.last >= first);
