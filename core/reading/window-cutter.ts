import { parseLine } from "../../protocol/ndjson.ts";
import type { LogWindow } from "../ports.ts";

/** Two lines that a damaged newline made one, and what is needed to be sure behind them, with room: no more is held back. */
const MOST_UNSURE_CHARS = 2 * 1024 * 1024;
/** One damaged byte makes the numbers of two or three lines unsure. More are looked at only when nothing more is to be waited for. */
const LOOKED_AT = 8;

/**
 * Cuts a stored log, as it comes, into windows of whole lines. A window ends at a line whose number is sure, so that damage in it costs nothing in the
 * next one: lines behind that, whose number only the next ones can tell, are held back for these. [READ3]
 */
export class WindowCutter {
  readonly #windowChars: number;
  #next: number;
  #held = "";
  /** Looked at when so much is there: a piece more is not worth a look at all that is held. */
  #lookAtChars: number;

  constructor(firstSequence: number, windowChars: number) {
    this.#next = firstSequence;
    this.#windowChars = windowChars;
    this.#lookAtChars = windowChars;
  }

  /** The next window, once about `windowChars` are there. */
  add(text: string): LogWindow | null {
    this.#held += text;
    if (this.#held.length < this.#lookAtChars) return null;
    const whole = this.#held.slice(0, this.#held.lastIndexOf("\n") + 1);
    if (whole === "") return null;
    const sure = sureThrough(whole, this.#next, LOOKED_AT);
    if (sure !== null) return this.#cut(sure.chars, sure.lastSequence);
    if (this.#held.length >= MOST_UNSURE_CHARS) return this.#cutUnsure(whole);
    this.#lookAtChars = this.#held.length + this.#windowChars;
    return null;
  }

  /** What is left when no more comes: a last line without newline counts. */
  end(): LogWindow | null {
    if (this.#held === "") return null;
    if (!this.#held.endsWith("\n")) this.#held += "\n";
    return this.#cutUnsure(this.#held);
  }

  /** Behind the last line whose number is sure they are counted. */
  #cutUnsure(whole: string): LogWindow {
    const sure = sureThrough(whole, this.#next, whole.length) ?? { chars: 0, lastSequence: this.#next - 1 };
    return this.#cut(whole.length, sure.lastSequence + countLines(whole.slice(sure.chars)));
  }

  #cut(chars: number, lastSequence: number): LogWindow {
    const lines = this.#held.slice(0, chars);
    this.#held = this.#held.slice(chars);
    this.#lookAtChars = this.#windowChars;
    const firstSequence = this.#next;
    this.#next = Math.max(this.#next, lastSequence + 1);
    return { firstSequence, lastSequence: this.#next - 1, lines };
  }
}

/**
 * Through the last line whose number is sure: it is where that number puts it, or follows on the one before it. One that does neither may be damaged
 * itself, or moved by a newline that was. Null when there is none among the last `most` lines.
 */
function sureThrough(
  lines: string,
  firstSequence: number,
  most: number,
): { chars: number; lastSequence: number } | null {
  let inPlace = firstSequence + countLines(lines) - 1;
  let last = lastLine(lines, lines.length);
  for (let looked = 0; looked < most && last !== null; looked += 1) {
    const before = lastLine(lines, last.from);
    const { sequence } = last;
    const follows = sequence !== null && sequence > firstSequence && before?.sequence === sequence - 1;
    if (sequence !== null && (sequence === inPlace || follows)) return { chars: last.to, lastSequence: sequence };
    last = before;
    inPlace -= 1;
  }
  return null;
}

/** The last of the lines that end before `to`. */
function lastLine(lines: string, to: number): { from: number; to: number; sequence: number | null } | null {
  if (to === 0) return null;
  const from = to === 1 ? 0 : lines.lastIndexOf("\n", to - 2) + 1;
  return { from, to, sequence: parseLine(lines.slice(from, to - 1))?.sequence ?? null };
}

function countLines(lines: string): number {
  let count = 0;
  for (let at = lines.indexOf("\n"); at !== -1; at = lines.indexOf("\n", at + 1)) count += 1;
  return count;
}
