import { LIMITS } from "../../protocol/limits.ts";
import { isPairAt } from "../../protocol/ndjson.ts";
import type { TextLine } from "./text-lines.ts";
import type { TextMatcher, TextRange } from "./text-matcher.ts";

/** What looking for the ranges of one line may cost, but for the first look, in steps of the matcher: a second at worst. */
const STEPS_FOR_RANGES = 30_000_000;

/** `ranges` is null where the line does not match, and lacks empty matches; `hasMore`: there may be others. */
type Found = { ranges: TextRange[] | null; hasMore: boolean; steps: number };

/**
 * Where a line of output matches, each of its own lines by itself, as `grep` sees them. A look is linear, but all of them together may not be (each may go
 * to the end of the text to find one character): hence the bounds. [SRCH4]
 */
export function findRanges({ text, isOpen }: TextLine, matcher: TextMatcher): Found {
  const found: Found = { ranges: null, hasMore: false, steps: 0 };
  for (let start = 0; start <= text.length && !found.hasMore;) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    // What is behind the last newline of a text is a line only where there is something.
    const isLine = newline !== -1 || !isOpen || end > start;
    if (isLine) addRanges(found, matcher, text.slice(start, end), start);
    start = end + 1;
  }
  return found;
}

function addRanges(found: Found, matcher: TextMatcher, line: string, offset: number): void {
  found.steps += matcher.steps(line.length + 1);
  if (!matcher.isIn(line)) return;
  const ranges = (found.ranges ??= []);
  for (let from = 0; from <= line.length;) {
    found.hasMore = ranges.length === LIMITS.searchRanges || (from > 0 && found.steps > STEPS_FOR_RANGES);
    if (found.hasMore) return;
    found.steps += matcher.steps(line.length - from + 1);
    const range = matcher.next(line, from);
    if (range === null) return;
    const [start, end] = range;
    if (end > start) ranges.push([offset + start, offset + end]);
    from = end > start ? end : end + (isPairAt(line, end) ? 2 : 1);
  }
}
