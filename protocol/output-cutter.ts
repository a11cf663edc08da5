import { headBytes, isPairAt, type EventDraft } from "./ndjson.ts";
import { pushRawLine } from "./raw-output.ts";

/** A line that goes on beyond this is not waited for: what is there of it becomes a partial one. */
const UNFINISHED_CHARS = 240 * 1024;
/** Kept of such a line, so that its last piece is not empty: a `\r` before the newline goes. */
const KEPT_CHARS = 2;

/**
 * Cuts raw output of any length into events as it arrives. What it gives, and however the bytes came in pieces, is one `console.line` a line, as
 * `parseAppend` makes of the whole; only where a very long line is cut depends on the pieces. [APP18]
 */
export class OutputCutter {
  // A character may come in two pieces.
  readonly #decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  #text = "";
  #isWhole = false;

  add(bytes: Uint8Array): void {
    this.#text += this.#decoder.decode(bytes, { stream: true });
  }

  /** Nothing more comes: a last line without newline counts. */
  end(): void {
    this.#text += this.#decoder.decode();
    this.#isWhole = true;
  }

  /** Characters that are not events yet: whoever adds bounds them by taking first. */
  get waitingChars(): number {
    return this.#text.length;
  }

  get hasEvents(): boolean {
    return this.#text.length >= UNFINISHED_CHARS || (this.#isWhole ? this.#text !== "" : this.#text.includes("\n"));
  }

  /** The next events, in order, until they take about `bytes` as they are stored. */
  take(bytes: number): EventDraft[] {
    const drafts: EventDraft[] = [];
    let taken = 0;
    let counted = 0;
    let at = 0;
    while (at < this.#text.length && taken < bytes) {
      const newline = this.#text.indexOf("\n", at);
      const isLine = newline !== -1 || this.#isWhole;
      const to = newline === -1 ? this.#text.length : newline;
      if (!isLine && to - at < UNFINISHED_CHARS) break;
      const end = isLine ? withoutReturn(this.#text, at, to) : betweenCharacters(this.#text, to - KEPT_CHARS);
      pushRawLine(drafts, this.#text.slice(at, end), { goesOn: !isLine });
      at = isLine ? to + 1 : end;
      for (; counted < drafts.length; counted += 1)
        taken += headBytes("console.line") + (drafts[counted]?.rest.length ?? 0);
    }
    this.#text = this.#text.slice(at);
    return drafts;
  }
}

const withoutReturn = (text: string, from: number, to: number): number =>
  to > from && text.charAt(to - 1) === "\r" ? to - 1 : to;
const betweenCharacters = (text: string, at: number): number => (isPairAt(text, at - 1) ? at - 1 : at);
