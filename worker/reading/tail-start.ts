import { windowLines } from "../../core/reading/read-log.ts";
import { lineType, matchesTypes } from "../../protocol/type-filter.ts";
import type { RunLog } from "./run-log.ts";

/** So many of the last lines are looked at first, and four times as many each time that they hold too few. */
const LEAST_REACH = 10_000;

/** The sequence after which the last `tail` events come. With a filter they are looked for from the end of the log. [RED4] */
export async function tailStart(log: RunLog, tail: number, types: string[] | null): Promise<number> {
  const { lastSequence } = await log.head();
  if (types === null || tail === 0) return Math.max(0, lastSequence - tail);
  for (let reach = Math.max(LEAST_REACH, 2 * tail); ; reach *= 4) {
    const from = Math.max(0, lastSequence - reach);
    const matching = await lastOf(log, from, tail, types);
    if (matching.length < tail && from > 0) continue;
    const first = matching.at(-tail) ?? matching[0];
    return first === undefined ? lastSequence : first - 1;
  }
}

/** The sequences of at least the last `tail` events of these types after `from`, of all if there are fewer. */
async function lastOf(log: RunLog, from: number, tail: number, types: string[]): Promise<number[]> {
  const matching: number[] = [];
  for await (const window of log.windows(from, { types })) {
    for (const { sequence, line } of windowLines(window)) {
      if (!matchesTypes(types, lineType(line))) continue;
      matching.push(sequence);
      // Halved now and then rather than shifted each time.
      if (matching.length > 2 * tail) matching.splice(0, matching.length - tail);
    }
  }
  return matching;
}
