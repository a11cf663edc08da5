/**
 * Where a watcher is in a log, and what a line that arrives means there. Pure: exactly once and in order is decided here and nowhere else.
 */
export type LinePosition = {
  /** The last sequence that was passed on, or where the watch began. */
  sequence: number;
  /** Only some types were asked for: then sequences rise, and what lies between is not missing. */
  filtered: boolean;
};

export type LineVerdict = { kind: "next" } | { kind: "duplicate" } | { kind: "gap"; expected: number };

/** A line at or before the position was delivered already; one beyond the next would skip what lies between. */
export function judgeLine(position: LinePosition, sequence: number): LineVerdict {
  if (sequence <= position.sequence) return { kind: "duplicate" };
  if (position.filtered || sequence === position.sequence + 1) return { kind: "next" };
  return { kind: "gap", expected: position.sequence + 1 };
}

/** The server says that `first..last` cannot be read. The position moves past them, but not past what lies before them. */
export function judgeDamage(position: LinePosition, first: number, last: number): LineVerdict {
  if (last <= position.sequence) return { kind: "duplicate" };
  if (position.filtered || first <= position.sequence + 1) return { kind: "next" };
  return { kind: "gap", expected: position.sequence + 1 };
}
