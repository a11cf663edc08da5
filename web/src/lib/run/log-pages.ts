import type { RuncastApi } from "../../../../client/api.ts";
import { retryDelayMs } from "../../../../client/backoff.ts";
import type { LogLines, SequenceRange } from "../console/log-lines.ts";

/** A flick through the log passes thousands of blocks; only where one comes to rest is worth a request. Who jumps is at rest. */
const REST_MS = 80;
const RETRY = { firstMs: 1_000, maxMs: 15_000 };
/** A block so close to what one looks at now is worth having all the same. */
const NEAR_LINES = 2_000;

/** Reads a run's lines as the server stores them. */
export type ReadLines = (range: SequenceRange, signal: AbortSignal) => Promise<{ sequence: number; line: string }[]>;

export type LogPagesOptions = {
  log: LogLines;
  read: ReadLines;
  /** These lines have come. */
  onFilled: (range: SequenceRange, lines: readonly { sequence: number; line: string }[]) => void;
  /** A block could not be read; it is tried again for as long as one looks at it. Null: reading works again. */
  onTrouble: (reason: string | null) => void;
};

/** Fetches the blocks of the log that one looks at and that the watch did not bring. */
export class LogPages {
  readonly #options: LogPagesOptions;
  readonly #loading = new Map<number, AbortController>();
  readonly #stopped = new AbortController();
  #wanted: readonly number[] = [];
  /** Where one will look next if one goes on like this. */
  #ahead: readonly number[] = [];
  #movedAt = -Infinity;
  /** In a row. */
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LogPagesOptions) {
    this.#options = options;
  }

  /** One looks at these events now, and at those ahead next. What was asked for elsewhere is given up. */
  want(needed: readonly number[], ahead: readonly number[] = []): void {
    this.#ahead = ahead;
    const isSame = needed.length === this.#wanted.length && needed.every((one, at) => one === this.#wanted[at]);
    if (isSame) return;
    this.#wanted = needed;
    const near = [...needed, ...ahead];
    for (const [first, controller] of this.#loading) {
      if (!near.some((sequence) => Math.abs(sequence - first) <= NEAR_LINES)) controller.abort();
    }
    const now = performance.now();
    const isAtRest = now - this.#movedAt >= REST_MS;
    this.#movedAt = now;
    if (this.#missing().length > 0) this.#later(isAtRest ? 0 : REST_MS);
  }

  /** Reads these lines now, whether one looks at them or not. Rejects with why not. */
  async read(range: SequenceRange, signal: AbortSignal = this.#stopped.signal): Promise<void> {
    const lines = await this.#options.read(range, signal);
    this.#options.log.fill(range, lines);
    this.#options.onFilled(range, lines);
  }

  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    this.#wanted = [];
    this.#ahead = [];
    for (const controller of this.#loading.values()) controller.abort();
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      for (const range of this.#missing()) void this.#load(range);
    }, ms);
  }

  /** What one looks at comes first; what is ahead is asked for once that is here. */
  #missing(): SequenceRange[] {
    const { log } = this.#options;
    const inView = log.missing(this.#wanted);
    return inView.length > 0 ? inView : log.missing(this.#ahead);
  }

  async #load(range: SequenceRange): Promise<void> {
    if (this.#loading.has(range.first)) return;
    const controller = new AbortController();
    this.#loading.set(range.first, controller);
    try {
      await this.read(range, controller.signal);
      this.#failures = 0;
      this.#options.onTrouble(null);
      this.#later(REST_MS);
    } catch (cause) {
      if (controller.signal.aborted) return;
      this.#options.onTrouble(cause instanceof Error ? cause.message : String(cause));
      this.#failures += 1;
      this.#later(retryDelayMs(this.#failures, RETRY, Math.random));
    } finally {
      this.#loading.delete(range.first);
    }
  }
}

/** Through HTTP, as NDJSON: the stored bytes, numbers with their digits. Throws what to tell the reader. */
export const readLinesOf =
  (api: RuncastApi, runId: string): ReadLines =>
  async ({ first, last }, signal) => {
    const query = new URLSearchParams({ after_sequence: String(first - 1), limit: String(last - first + 1) });
    const answer = await api.readLines(runId, query, signal);
    if (answer.kind === "problem") throw new Error(answer.problem.detail);
    return splitLines(answer.value);
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
