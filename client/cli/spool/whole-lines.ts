const NEWLINE = 0x0a;

/** How many bytes of these are whole lines. What a kill cut off behind the last newline was never written whole. [SPL2] */
export const wholeLinesBytes = (bytes: Uint8Array): number => bytes.lastIndexOf(NEWLINE) + 1;

/** How many bytes make the next batch: the whole lines within `maxBytes`, else the first line alone; 0 when its end is not among these bytes. */
export function batchBytes(bytes: Uint8Array, maxBytes: number): number {
  const within = wholeLinesBytes(bytes.subarray(0, maxBytes));
  return within > 0 ? within : bytes.indexOf(NEWLINE) + 1;
}

export function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

/** The last whole line, without its newline; null when there is none. */
export function lastLine(bytes: Uint8Array): string | null {
  const end = wholeLinesBytes(bytes);
  if (end === 0) return null;
  const start = end < 2 ? 0 : bytes.lastIndexOf(NEWLINE, end - 2) + 1;
  return new TextDecoder().decode(bytes.subarray(start, end - 1));
}
