import { LOG_LEVELS } from "../../protocol/event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ConsoleText } from "../reading/console-text.ts";

/** A line of output: what one `console.line` says, or several of which each continues the one before. Its number is that of its first part. */
export type TextLine = {
  sequence: number;
  /** With the line breaks that a message itself may hold. */
  text: string;
  /** More of it may come: a text that ends here has no newline at its end. */
  isOpen: boolean;
  /** The most severe of its parts, as a place in `LOG_LEVELS`. */
  severity: number;
};

/** Joins what is said on the console to the lines of the text export. It holds one line, of bounded length. [SRCH2] */
export class TextLines {
  #sequence = 0;
  #parts: string[] = [];
  #chars = 0;
  #severity = 0;

  /** A line has begun whose end is not known yet. */
  get isOpen(): boolean {
    return this.#parts.length > 0;
  }

  /** The sequence before which every line is whole; null when none is open. */
  get openSince(): number | null {
    return this.isOpen ? this.#sequence : null;
  }

  /** The line that is whole now, if there is one. */
  add(sequence: number, { text, isPartial, level }: ConsoleText): TextLine | null {
    if (!this.isOpen) this.#sequence = sequence;
    this.#parts.push(text);
    this.#chars += text.length;
    this.#severity = Math.max(this.#severity, LOG_LEVELS.indexOf(level));
    // A bar that never ends its line must not take the memory: behind so much the next part begins another line.
    return isPartial && this.#chars < LIMITS.searchLineChars ? null : this.end(false);
  }

  /** What stands there, when nothing continues it: damage ends a line, and so does the end of a text. */
  end(isOpen: boolean): TextLine | null {
    if (!this.isOpen) return null;
    const line = { sequence: this.#sequence, text: this.#parts.join(""), isOpen, severity: this.#severity };
    this.#parts = [];
    this.#chars = 0;
    this.#severity = 0;
    return line;
  }
}
