import { LIMITS } from "../../../protocol/limits.ts";
import { cutText, utf8Length } from "../../../protocol/ndjson.ts";

export type ConsolePiece = { message: string; partial: boolean };

/** The rest of the event around a message. */
const ENVELOPE_BYTES = 1024;
export const MESSAGE_BYTES = LIMITS.eventLineBytes - ENVELOPE_BYTES;
/** Six bytes is the most that a unit takes in JSON, so that a piece of this length always fits. */
export const PIECE_CHARS = Math.floor(MESSAGE_BYTES / 6);

/** The message in pieces that each fit into an event: one, unless it is very long. */
export function consolePieces(message: string, partial: boolean): ConsolePiece[] {
  const pieces: ConsolePiece[] = [];
  let rest = message;
  while (rest.length > PIECE_CHARS && utf8Length(JSON.stringify(rest)) > MESSAGE_BYTES) {
    const piece = cutText(rest, PIECE_CHARS);
    pieces.push({ message: piece, partial: true });
    rest = rest.slice(piece.length);
  }
  return [...pieces, { message: rest, partial }];
}
