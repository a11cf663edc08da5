import type { Segment } from "../ports.ts";
import type { AheadLines } from "../run/receipts.ts";
import { MOST_READ_BYTES, type LogIndex } from "./log-index.ts";

/** Where in the whole log a reader begins, and the number of the line there. */
export type LogStart = { offset: number; firstSequence: number };

/**
 * Where the block of a line begins, and the byte before, which shows whether a newline still stands there: where it does not, two lines are one that cannot be read.
 * [WIN2]
 */
export function startAt(index: LogIndex, sequence: number): LogStart {
  const block = index.blockOf(sequence);
  // Lines before the first that is there are gone: they are told from the start on.
  if (block === 0) return { offset: 0, firstSequence: 1 };
  const { offset, firstSequence } = index.block(block);
  return { offset: offset - 1, firstSequence };
}

/** After which line the first one whose time is `at` or later is looked for: none up to it has such a time. [WIN2] [TIME2] */
export const startInTime = (index: LogIndex, at: string): { afterSequence: number; ahead: AheadLines[] } => ({
  afterSequence: beforeBlock(index, index.blockAt(Date.parse(at))),
  ahead: index.ahead(),
});

/** The same of an open run, by its segments, of which each knows the greatest time of its lines; what follows them is hot. [TIME2] */
export const startInSegments = (tail: { hotAfter: number; segments: readonly Segment[] }, at: string): number => {
  const segment = tail.segments.find(({ latestAt }) => latestAt === undefined || latestAt >= at);
  return segment === undefined ? tail.hotAfter : segment.firstSequence - 1;
};

const beforeBlock = (index: LogIndex, block: number): number =>
  block === 0 ? 0 : index.block(block).firstSequence - 1;

/** Who reads on after the first read wants more: each may be twice as long as the one before, up to this many times the first. */
const MOST_GROWTH = 8;

/** How many bytes each read takes of who may soon want no more. [WIN1] */
export function* readSizes(): Generator<number, never> {
  for (let growth = 1; ; growth = Math.min(2 * growth, MOST_GROWTH)) yield growth * MOST_READ_BYTES;
}
