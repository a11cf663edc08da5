import { LIMITS } from "../../protocol/limits.ts";
import { cutText, utf8Length } from "../../protocol/ndjson.ts";

export type OutputLine = { message: string; partial: boolean };

/** The rest of the event around a message. */
const ENVELOPE_BYTES = 1024;
const MESSAGE_BYTES = LIMITS.eventLineBytes - ENVELOPE_BYTES;
/** Six bytes is the most that a unit takes in JSON, so that a piece of this length always fits. */
const PIECE_CHARS = Math.floor(MESSAGE_BYTES / 6);

/**
 * Turns the bytes of one output into lines: invalid UTF-8 replaced, one trailing `\r` dropped, a last line without newline counted. A line
 * that no event could hold comes in pieces, and the part of it that is not finished yet is never longer than that.
 */
export class OutputLines {
  // A byte-order mark is part of the first line, as any other character.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #unfinished = "";

  push(bytes: Uint8Array): OutputLine[] {
    return this.#split(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What was left without a newline. */
  end(): OutputLine[] {
    const lines = this.#split(this.#decoder.decode());
    const last = this.#unfinished;
    this.#unfinished = "";
    return last === "" ? lines : [...lines, ...wholeLine(last)];
  }

  #split(text: string): OutputLine[] {
    const lines: OutputLine[] = [];
    let start = 0;
    for (let newline = text.indexOf("\n"); newline !== -1; newline = text.indexOf("\n", start)) {
      lines.push(...wholeLine(this.#unfinished + text.slice(start, newline)));
      this.#unfinished = "";
      start = newline + 1;
    }
    this.#unfinished += text.slice(start);
    while (this.#unfinished.length > MESSAGE_BYTES) {
      const piece = cutPiece(this.#unfinished);
      lines.push({ message: piece, partial: true });
      this.#unfinished = this.#unfinished.slice(piece.length);
    }
    return lines;
  }
}

function wholeLine(text: string): OutputLine[] {
  let rest = text.endsWith("\r") ? text.slice(0, -1) : text;
  const lines: OutputLine[] = [];
  while (rest.length > PIECE_CHARS && utf8Length(JSON.stringify(rest)) > MESSAGE_BYTES) {
    const piece = cutPiece(rest);
    lines.push({ message: piece, partial: true });
    rest = rest.slice(piece.length);
  }
  return [...lines, { message: rest, partial: false }];
}

function cutPiece(text: string): string {
  const piece = cutText(text, PIECE_CHARS);
  // The `\r` of a `\r\n` that has not come yet must not be in a piece of its own right.
  return piece.endsWith("\r") ? piece.slice(0, -1) : piece;
}
