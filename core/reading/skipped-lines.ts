import type { LogWindow } from "../ports.ts";
import { hasDamage, isDamageMark } from "./damage.ts";
import { windowLines } from "./read-log.ts";

/** Lines that a reader had to leave out: how many, and between which sequences. */
export type Skipped = { first: number; last: number; lines: number };

/** What is damaged in a window, of the lines after one sequence and through another; null where nothing is. */
export function skippedIn(window: LogWindow, after = 0, through = Number.POSITIVE_INFINITY): Skipped | null {
  if (!hasDamage(window)) return null;
  const sequences: number[] = [];
  for (const { sequence, line } of windowLines(window))
    if (sequence > after && sequence <= through && isDamageMark(line)) sequences.push(sequence);
  const [first] = sequences;
  return first === undefined ? null : { first, last: sequences.at(-1) ?? first, lines: sequences.length };
}

/**
 * Gathers what one reading has to leave out, so that it is told together and not line by line. A reader may read a log twice (to find where the last
 * hundred begin): what it has met before is not told again. [READ4]
 */
export class SkippedLines {
  readonly #tell: (skipped: Skipped) => void;
  #untold: Skipped | null = null;
  #last: number;
  #end = Number.POSITIVE_INFINITY;

  /** What is damaged up to `after` was not asked for. */
  constructor(tell: (skipped: Skipped) => void, after = 0) {
    this.#tell = tell;
    this.#last = after;
  }

  /** The same windows. What is damaged in them is told when the last is read, or nobody reads on. */
  async *noticed(windows: AsyncGenerator<LogWindow, void>): AsyncGenerator<LogWindow, void> {
    try {
      for await (const window of windows) {
        try {
          yield window;
        } finally {
          // Only now it is known whether the reader wanted all of it.
          this.met(window);
        }
      }
    } finally {
      this.tell();
    }
  }

  /** The reader wants no line behind this one: of what is damaged there nothing is left out for it. */
  endAt(sequence: number): void {
    this.#end = sequence;
  }

  /** Tells what was met since the last time: whoever follows a run may read on for hours. For whoever gives the windows, when the reader wants the next. */
  tell(): void {
    const untold = this.#untold;
    this.#untold = null;
    if (untold !== null) this.#tell(untold);
  }

  /** The reader was given this window, or its lines through a sequence. */
  met(window: LogWindow, through = this.#end): void {
    const skipped = skippedIn(window, this.#last, through);
    if (skipped === null) return;
    const { first, last, lines } = skipped;
    this.#last = last;
    this.#untold = { first: this.#untold?.first ?? first, last, lines: (this.#untold?.lines ?? 0) + lines };
  }
}
