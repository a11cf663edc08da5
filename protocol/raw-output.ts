import { LIMITS } from "./limits.ts";
import { headBytes, isPairAt, type EventDraft } from "./ndjson.ts";

const OPENING = ',"payload":{"stream":"stdout","message":';
const WHOLE = "}}";
const PARTIAL = ',"partial":true}}';
const HEAD_BYTES = headBytes("console.line") + OPENING.length;
/** The most that one UTF-16 unit can take in JSON: `\u0000`. */
const UNIT_BYTES_MAX = 6;

/**
 * Appends the `console.line` of one line of raw output; of several, all but the last `partial`, when one would pass the line limit. With
 * `goesOn` the last is partial too: the rest of the line is still to come.
 */
export function pushRawLine(
  drafts: EventDraft[],
  message: string,
  { lineBytesMax = LIMITS.eventLineBytes, goesOn = false }: { lineBytesMax?: number; goesOn?: boolean } = {},
): void {
  const closing = goesOn ? PARTIAL : WHOLE;
  const wholeRoom = lineBytesMax - HEAD_BYTES - closing.length;
  if (message.length * UNIT_BYTES_MAX + 2 <= wholeRoom) {
    drafts.push(rawDraft(message, closing));
    return;
  }
  const partialRoom = lineBytesMax - HEAD_BYTES - PARTIAL.length;
  let start = 0;
  while (fittingEnd(message, start, wholeRoom) < message.length) {
    const end = fittingEnd(message, start, partialRoom);
    drafts.push(rawDraft(message.slice(start, end), PARTIAL));
    start = end;
  }
  drafts.push(rawDraft(message.slice(start), closing));
}

function rawDraft(message: string, closing: string): EventDraft {
  return { type: "console.line", createdAtMs: null, rest: OPENING + JSON.stringify(message) + closing };
}

/** The end of the longest piece from `start` whose JSON string takes at most `roomBytes`; never inside a character. */
function fittingEnd(text: string, start: number, roomBytes: number): number {
  let left = roomBytes - 2;
  let index = start;
  while (index < text.length) {
    const pair = isPairAt(text, index);
    left -= pair ? 4 : jsonUnitBytes(text.charCodeAt(index));
    if (left < 0) return index;
    index += pair ? 2 : 1;
  }
  return index;
}

/** Bytes that `JSON.stringify` and UTF-8 make of one unit that is not part of a pair. */
function jsonUnitBytes(unit: number): number {
  if (unit === 0x22 || unit === 0x5c) return 2;
  if (unit < 0x20) return unit === 0x08 || unit === 0x09 || unit === 0x0a || unit === 0x0c || unit === 0x0d ? 2 : 6;
  if (unit < 0x80) return 1;
  if (unit < 0x800) return 2;
  return unit >= 0xd800 && unit <= 0xdfff ? 6 : 3;
}
