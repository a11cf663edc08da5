/**
 * The log's time at a sequence is the greatest `created_at` up to it, never later than its receipt. [TIME1] Only a producer whose clock is ahead can say
 * later than that, so only of its lines the receipt has to be remembered. Times are compared as RFC 3339 text in UTC, which sorts as they do.
 */
export type AheadLines = { firstSequence: number; lastSequence: number; receivedAt: string };

/** Beyond this, neighbours are remembered together, with the later receipt. */
const MOST_AHEAD = 1_000;

/** Takes in one line as it is stored. Changes `ahead` in place: it is looked at with every line. */
export function noteReceipt(ahead: AheadLines[], sequence: number, createdAt: string, receivedAt: string): void {
  if (createdAt <= receivedAt) return;
  const last = ahead.at(-1);
  if (last?.lastSequence === sequence - 1 && last.receivedAt === receivedAt) {
    last.lastSequence = sequence;
    return;
  }
  if (ahead.length === MOST_AHEAD) ahead.splice(0, MOST_AHEAD, ...inPairs(ahead));
  ahead.push({ firstSequence: sequence, lastSequence: sequence, receivedAt });
}

function inPairs(ahead: readonly AheadLines[]): AheadLines[] {
  const pairs: AheadLines[] = [];
  for (let at = 0; at < ahead.length; at += 2) {
    const first = ahead[at];
    const second = ahead[at + 1] ?? first;
    if (first !== undefined && second !== undefined) pairs.push({ ...second, firstSequence: first.firstSequence });
  }
  return pairs;
}
