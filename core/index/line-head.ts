/** What the start of a stored line says, read from its bytes: whoever looks at every line of a log has no time to decode it. */
export type LineHead = {
  sequence: number;
  /** Where in the bytes its type and its time stand. */
  typeFrom: number;
  typeTo: number;
  timeFrom: number;
  /** Behind its time. */
  end: number;
};

/** Years of four digits, to the millisecond, in UTC: such texts sort as their times do. */
export const TIME_BYTES = "2026-11-21T02:30:00.123Z".length;

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const SEQUENCE = ascii('{"sequence":');
const TYPE = ascii(',"type":"');
const TIME = ascii('","created_at":"');
const QUOTE = 0x22;
const ZERO = 0x30;
const NINE = 0x39;

/** Null for what is not the start of a line of ours. */
export function lineHead(bytes: Uint8Array, from: number): LineHead | null {
  if (!stands(bytes, from, SEQUENCE)) return null;
  let at = from + SEQUENCE.length;
  let sequence = 0;
  for (let digit = bytes[at]; digit !== undefined && digit >= ZERO && digit <= NINE; digit = bytes[at]) {
    sequence = sequence * 10 + digit - ZERO;
    at += 1;
  }
  if (!stands(bytes, at, TYPE)) return null;
  const typeFrom = at + TYPE.length;
  let typeTo = typeFrom;
  while (typeTo < bytes.length && bytes[typeTo] !== QUOTE) typeTo += 1;
  const timeFrom = typeTo + TIME.length;
  if (!stands(bytes, typeTo, TIME) || bytes[timeFrom + TIME_BYTES] !== QUOTE) return null;
  return { sequence, typeFrom, typeTo, timeFrom, end: timeFrom + TIME_BYTES };
}

/** Is the text from `from` to `to` this one? */
export const isText = (bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean =>
  to - from === text.length && stands(bytes, from, text);

export const CONSOLE_LINE = ascii("console.line");
export const METRIC_RECORDED = ascii("metric.recorded");

function stands(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let each = 0; each < text.length; each += 1) if (bytes[at + each] !== text[each]) return false;
  return true;
}
