import { isPairAt } from "../../../protocol/ndjson.ts";
import { unfinishedEscapeAt } from "../escape-sequences.ts";
import type { Masks } from "../masking/masks.ts";
import { MESSAGE_BYTES, PIECE_CHARS } from "./console-pieces.ts";
import { TerminalLine } from "./terminal-line.ts";

/** The first part of a line that takes long is sent after this; then ever more rarely: a bar that runs for an hour takes 100 lines, not 3,600. */
export const FLUSH_MS = 1_000;
const FLUSH_SHARE_OF_AGE = 0.1;
/** Further back than this no progress line goes. */
const REDRAWN_CHARS = 16 * 1024;
const GOES_BACK = /[\r\b]/;
const ERASE = "\r\u001B[K";

/**
 * The line of one output whose newline has not come yet. It is sent in parts when that takes long, or when it is longer than an event. A
 * line that a program writes over again and again is sent as what a terminal shows of it by then.
 */
export class LineInProgress {
  readonly #masks: Masks;
  #unsent = "";
  #isBegun = false;
  /** What has been sent of the line, as readers see it; null: too long to go back over. */
  #shown: string | null = "";
  /** Present once the program has gone back. */
  #terminal: TerminalLine | null = null;
  /** What was sent of it was closed, because another output came in between. */
  #isReopened = false;
  #openedAt = 0;
  #flushedAt = 0;

  constructor(masks: Masks) {
    this.#masks = masks;
  }

  /** The whole line as far as it has come, unless a part has been sent already. */
  get whole(): string | null {
    return this.#isBegun ? null : this.#unsent;
  }

  append(text: string, now: number): void {
    if (text === "") return;
    if (this.#unsent === "" && !this.#isBegun) this.#openedAt = this.#flushedAt = now;
    this.#unsent += text;
  }

  /** At its newline: what is left to send, or null when that is nothing at all. Another line begins. */
  finish(): string | null {
    const text = this.#unsent.endsWith("\r") ? this.#unsent.slice(0, -1) : this.#unsent;
    const isNothing = text === "" && this.#isReopened;
    // A reader that shows each part by itself finds the last state in the last one.
    const rest = this.#advance(text) || (this.#terminal === null ? "" : ERASE + (this.#shown ?? ""));
    this.drop();
    return isNothing ? null : rest;
  }

  /** Forgets the line. Another one begins. */
  drop(): void {
    this.#unsent = "";
    this.#isBegun = this.#isReopened = false;
    this.#shown = "";
    this.#terminal = null;
  }

  /** What can be sent of it by now: nothing that could be the beginning of a secret. */
  flush(now: number): string | null {
    if (this.#unsent === "") return null;
    if (now - this.#flushedAt < Math.max(FLUSH_MS, (now - this.#openedAt) * FLUSH_SHARE_OF_AGE)) return null;
    const part = this.#take(this.#unsent.length);
    if (part === null) return null;
    this.#flushedAt = now;
    return part === "" ? null : part;
  }

  /** The next part of a line that is too long to be kept. */
  overflow(): string | null {
    while (this.#unsent.length > MESSAGE_BYTES) {
      const part = this.#take(PIECE_CHARS) ?? this.#take(this.#unsent.length);
      // Null: all of it may be the beginning of one secret.
      if (part !== "") return part;
    }
    return null;
  }

  /** Readers have begun another line since: what a terminal shows of this one is sent anew. */
  reopen(): void {
    this.#isReopened = true;
    if (this.#shown !== null) this.#shown = "";
  }

  #take(upTo: number): string | null {
    const text = this.#unsent;
    // The `\r` of a `\r\n` that has not come yet is no going back.
    let cut = Math.min(upTo, unfinishedEscapeAt(text), text.endsWith("\r") ? text.length - 1 : text.length);
    cut = this.#masks.safeCut(text, cut);
    if (cut > 0 && isPairAt(text, cut - 1)) cut -= 1;
    if (cut <= 0) return null;
    this.#unsent = text.slice(cut);
    this.#isBegun = true;
    return this.#advance(text.slice(0, cut));
  }

  /** What brings readers from what they see of the line to what they are to see. */
  #advance(text: string): string {
    if (text !== "") this.#isReopened = false;
    const masked = this.#masks.text(text);
    if (this.#terminal === null) {
      if (this.#shown === null) return masked;
      if (!GOES_BACK.test(masked)) return this.#extend(masked);
      this.#terminal = new TerminalLine();
      this.#terminal.write(this.#shown);
    }
    this.#terminal.write(masked);
    return this.#redraw(this.#terminal.text, masked);
  }

  /** Behind what readers see. That may end in what a terminal put together, of which only the eye could say that a secret begins there. */
  #extend(masked: string): string {
    const before = this.#shown ?? "";
    const now = this.#masks.text(before + masked);
    this.#shown = now.length <= REDRAWN_CHARS ? now : null;
    return now === before + masked ? masked : ERASE + now;
  }

  #redraw(text: string | null, masked: string): string {
    if (text === null) {
      this.#terminal = null;
      return this.#extend(masked);
    }
    // Written over one another, two texts can make a third.
    const now = this.#masks.text(text);
    const before = this.#shown ?? "";
    this.#shown = now;
    return now.startsWith(before) ? now.slice(before.length) : ERASE + now;
  }
}
