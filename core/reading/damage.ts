import { parseLine, splitLines } from "../../protocol/ndjson.ts";
import type { LogWindow } from "../ports.ts";

/** What stands where `first..last` cannot be read; on a socket it is this very line. */
export const damageMark = (first: number, last: number): string => JSON.stringify({ op: "damaged", first, last });

/** Stored lines begin with their sequence: no event is taken for a mark. */
export const isDamageMark = (line: string): boolean => line.startsWith('{"op":"damaged"');

/**
 * A window with one line for each of its sequences: the stored line where it is the event of that sequence, a mark where it is not. Whoever reads it
 * may count on both. A newline that was damaged moves the lines behind it; they are found again by their own numbers. [READ3]
 */
export function mendWindow(window: LogWindow): LogWindow {
  const { firstSequence, lastSequence } = window;
  const stored = splitLines(window.lines);
  const sequences = stored.map((line) => parseLine(line)?.sequence ?? null);
  const isWhole = stored.length === lastSequence - firstSequence + 1;
  if (isWhole && window.lines.endsWith("\n") && sequences.every((sequence, at) => sequence === firstSequence + at))
    return window;
  const lineBySequence = new Map<number, string>();
  let latest = firstSequence - 1;
  for (const [at, line] of stored.entries()) {
    const sequence = sequences[at];
    if (sequence === null || sequence === undefined || sequence <= latest || sequence > lastSequence) continue;
    // With every line in its place, one that names another number is damaged itself.
    if (isWhole && sequence !== firstSequence + at) continue;
    lineBySequence.set(sequence, line);
    latest = sequence;
  }
  let lines = "";
  for (let sequence = firstSequence; sequence <= lastSequence; sequence += 1)
    lines += `${lineBySequence.get(sequence) ?? damageMark(sequence, sequence)}\n`;
  return { firstSequence, lastSequence, lines };
}

export const hasDamage = ({ lines }: LogWindow): boolean => isDamageMark(lines) || lines.includes('\n{"op":"damaged"');

/** Marks in place of `first..last`. */
export function damagedWindow(first: number, last: number): LogWindow {
  let lines = "";
  for (let sequence = first; sequence <= last; sequence += 1) lines += `${damageMark(sequence, sequence)}\n`;
  return { firstSequence: first, lastSequence: last, lines };
}

const SEQUENCE = /^\{"sequence":(\d+),/;

/** The number a line gives itself; null when it has none. */
export function ownSequence(line: string): number | null {
  const digits = SEQUENCE.exec(line)?.[1];
  return digits === undefined ? null : Number(digits);
}
