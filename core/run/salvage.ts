import { splitLines, parseLine } from "../../protocol/ndjson.ts";
import { note, type SequenceRange } from "../../protocol/proof/sequence-check.ts";
import type { SegmentKey } from "../ports.ts";

/** What is left of a segment that is gone or holds other bytes than were stored. */
export type Salvage = { bytes: Uint8Array; lost: SequenceRange[] };

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Every stored line that is the event of its sequence, byte for byte, and no other: nothing is made up and nothing is numbered anew. `lost` is what
 * is missing; a line that is there need not be as it was: the hash is of all of them. [DMG1]
 */
export function salvage({ firstSequence, lastSequence }: SegmentKey, stored: Uint8Array | null): Salvage {
  const lines = stored === null ? [] : wholeLines(stored);
  const isEachThere = lines.length === lastSequence - firstSequence + 1;
  const kept: string[] = [];
  const lost: SequenceRange[] = [];
  let latest = firstSequence - 1;
  for (const [at, line] of lines.entries()) {
    const sequence = line === null ? null : (parseLine(line)?.sequence ?? null);
    // With every line in its place, one that names another number is damaged itself.
    const isOwn = !isEachThere || sequence === firstSequence + at;
    if (line === null || sequence === null || !isOwn || sequence <= latest || sequence > lastSequence) continue;
    note(lost, { first: latest + 1, last: sequence - 1 });
    kept.push(`${line}\n`);
    latest = sequence;
  }
  note(lost, { first: latest + 1, last: lastSequence });
  return { bytes: encoder.encode(kept.join("")), lost };
}

/** The lines that have their newline; null for one that is not UTF-8, which would not come back as it is. */
function wholeLines(stored: Uint8Array): (string | null)[] {
  const end = stored.lastIndexOf(0x0a) + 1;
  const text = decoded(stored.subarray(0, end));
  if (text !== null) return splitLines(text);
  const lines: (string | null)[] = [];
  for (let from = 0; from < end;) {
    const to = stored.indexOf(0x0a, from);
    lines.push(decoded(stored.subarray(from, to)));
    from = to + 1;
  }
  return lines;
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    // Not an error here: null is how damage is told.
    return null;
  }
}
