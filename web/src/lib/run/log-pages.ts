import type { LogLines, SequenceRange } from "../console/log-lines.ts";

/** A flick through the log passes thousands of blocks; only where one comes to rest is worth a request. */
const REST_MS = 80;
const RETRY_MS = 2_000;

/** Reads a run's lines as the server stores them. */
export type ReadLines = (range: SequenceRange, signal: AbortSignal) => Promise<{ sequence: number; line: string }[]>;

export type LogPagesOptions = {
  log: LogLines;
  read: ReadLines;
  /** Lines have come. */
  onFilled: () => void;
  /** A block could not be read; it is tried again for as long as one looks at it. Null: reading works again. */
  onTrouble: (reason: string | null) => void;
};

/** Fetches the blocks of the log that one looks at and that the watch did not bring. */
export class LogPages {
  readonly #options: LogPagesOptions;
  readonly #loading = new Map<number, AbortController>();
  #wanted: SequenceRange | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LogPagesOptions) {
    this.#options = options;
  }

  /** One looks at `range` now. What was asked for elsewhere is given up. */
  want(range: SequenceRange): void {
    this.#wanted = range;
    for (const [first, controller] of this.#loading) {
      if (first > range.last || first + 2_000 < range.first) controller.abort();
    }
    if (this.#options.log.missing(range).length > 0) this.#later(REST_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#wanted = null;
    for (const controller of this.#loading.values()) controller.abort();
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#wanted === null) return;
      for (const range of this.#options.log.missing(this.#wanted)) void this.#load(range);
    }, ms);
  }

  async #load(range: SequenceRange): Promise<void> {
    if (this.#loading.has(range.first)) return;
    const controller = new AbortController();
    this.#loading.set(range.first, controller);
    try {
      const lines = await this.#options.read(range, controller.signal);
      this.#options.log.fill(range, lines);
      this.#options.onTrouble(null);
      this.#options.onFilled();
    } catch (cause) {
      if (controller.signal.aborted) return;
      this.#options.onTrouble(cause instanceof Error ? cause.message : String(cause));
      this.#later(RETRY_MS);
    } finally {
      this.#loading.delete(range.first);
    }
  }
}

/** Through HTTP, as NDJSON: the stored bytes, numbers with their digits. Throws what to tell the reader. */
export const readLinesOf =
  (runId: string): ReadLines =>
  async ({ first, last }, signal) => {
    const query = new URLSearchParams({ after_sequence: String(first - 1), limit: String(last - first + 1) });
    const response = await fetch(`/api/runs/${encodeURIComponent(runId)}/events?${query}`, {
      headers: { accept: "application/x-ndjson" },
      signal,
    });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return splitLines(await response.text());
  };

/** NDJSON text → lines with their numbers; a line that has none is damage and is left out. */
export function splitLines(text: string): { sequence: number; line: string }[] {
  return text.split("\n").flatMap((line) => {
    const sequence = SEQUENCE.exec(line)?.[1];
    return sequence === undefined ? [] : [{ sequence: Number(sequence), line }];
  });
}

/** The contract's key order: a line begins with its number. */
const SEQUENCE = /^\{"sequence":(\d{1,16}),/;
