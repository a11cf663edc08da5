import { LIMITS } from "../../protocol/limits.ts";
import { utf8Length } from "../../protocol/ndjson.ts";
import { lineType, matchesTypes } from "../../protocol/type-filter.ts";
import type { LogWindow } from "../ports.ts";
import { damageMark, isDamageMark, ownSequence } from "../reading/damage.ts";
import type { WrittenLine } from "./line-writer.ts";

/** Several whole lines, encoded once and sent to every watcher that is at `firstSequence - 1`. */
export type Frame = { firstSequence: number; lastSequence: number; text: string; bytes: number };

/** Frames of at most 64 KiB, or one longer line alone. [FLOW3] A frame without bytes only moves the position over lines that the filter leaves out. */
export function linesToFrames(lines: readonly WrittenLine[], types: string[] | null, firstSequence: number): Frame[] {
  const frames: Frame[] = [];
  let frame: Frame = { firstSequence, lastSequence: firstSequence - 1, text: "", bytes: 0 };
  for (const line of lines) {
    if (types !== null && !matchesTypes(types, line.type)) continue;
    if (frame.bytes > 0 && frame.bytes + line.bytes > LIMITS.frameBytes) {
      frames.push(frame);
      frame = { firstSequence: line.sequence, lastSequence: line.sequence, text: "", bytes: 0 };
    }
    frame.text += line.text;
    frame.bytes += line.bytes;
    frame.lastSequence = line.sequence;
  }
  const last = lines.at(-1);
  if (frame.bytes > 0) frames.push(frame);
  // What the filter left out at the end counts as seen, but the marks of the window keep the sequences that were sent.
  if (last !== undefined && last.sequence > (frames.at(-1)?.lastSequence ?? firstSequence - 1)) {
    frames.push({ firstSequence: last.sequence, lastSequence: last.sequence, text: "", bytes: 0 });
  }
  for (const each of frames) each.text = each.text.slice(0, -1);
  return frames;
}

/**
 * The lines of a window after `position`, as frames, each made when it is asked for: who has no room for the second does not pay for the rest. Damage is
 * told in its place, whatever types are asked for: nobody knows what it was. [READ3]
 */
export function* windowToFrames(window: LogWindow, position: number, types: string[] | null): Generator<Frame> {
  let reached = position;
  for (const stretch of stretchesOf(window, position, types)) {
    if (stretch.kind === "damaged") yield damageFrame(reached + 1, stretch.last);
    else yield* linesToFrames(stretch.lines, types, reached + 1);
    reached = stretch.last;
  }
}

type Stretch = { kind: "lines"; last: number; bytes: number; lines: WrittenLine[] } | { kind: "damaged"; last: number };

/** Neighbouring lines together, as many as one frame holds, and neighbouring damage. */
function* stretchesOf(window: LogWindow, position: number, types: string[] | null): Generator<Stretch> {
  let stretch: Stretch | null = null;
  let sequence = window.firstSequence;
  let from = 0;
  while (from < window.lines.length) {
    const to = window.lines.indexOf("\n", from) + 1;
    if (window.isSparse === true) sequence = ownSequence(window.lines.slice(from, to)) ?? sequence;
    if (sequence > position) {
      const text = window.lines.slice(from, to);
      if (isDamageMark(text)) {
        if (stretch?.kind === "lines") yield stretch;
        stretch = { kind: "damaged", last: sequence };
      } else {
        const line = { sequence, type: types === null ? "" : lineType(text), text, bytes: utf8Length(text) };
        const bytes = types === null || matchesTypes(types, line.type) ? line.bytes : 0;
        if (stretch !== null && (stretch.kind === "damaged" || stretch.bytes + bytes > LIMITS.frameBytes)) {
          yield stretch;
          stretch = null;
        }
        stretch ??= { kind: "lines", last: sequence, bytes: 0, lines: [] };
        stretch.last = sequence;
        stretch.bytes += bytes;
        stretch.lines.push(line);
      }
    }
    sequence += 1;
    from = to;
  }
  if (stretch !== null) yield stretch;
}

function damageFrame(first: number, last: number): Frame {
  const text = damageMark(first, last);
  return { firstSequence: first, lastSequence: last, text, bytes: text.length + 1 };
}
