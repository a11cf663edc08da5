import type { LogWindow, Segment } from "../../core/ports.ts";
import { RunWindow } from "../../core/run/run-window.ts";

/** Mended windows are about 1 MiB each, as the segments are. */
const MOST_READ_AT_ONCE = 8;
const KEPT_CHARS = 8 * 1024 * 1024;
const KEPT_LISTS = 16;
/** A request that is broken off never says that its read is over: after so long it is not counted any more. */
const READ_FORGOTTEN_MS = 5_000;
/** A replay that waits for its turn asks again about so often. */
const ASK_AGAIN_MS = 50;

/** What is damaged may be mended: it is not kept, and each that comes to it reads it, and is told. */
type Reading = { window: LogWindow | null; isKept: boolean };
type Host = { now(): number; sleep(ms: number): Promise<void> };

/**
 * What all replays of an isolate share: one allowance for what they have sent and nobody has acknowledged, turns to read from R2, and the windows that were read
 * last. However many watch ended runs, they hold no more than that, because one that waits holds nothing. [RPL1]
 *
 * Only text and numbers: what belongs to one request, such as a promise of its read, must not be waited for in another.
 */
export class ReplayShare {
  readonly allowance = new RunWindow({ all: () => [] });
  readonly #host: Host;
  readonly #reads = new Map<symbol, number>();
  readonly #windows = new Map<string, LogWindow>();
  readonly #lists = new Map<string, readonly Segment[]>();
  #keptChars = 0;

  constructor(host: Host) {
    this.#host = host;
  }

  /** The window of that name: as it was read lately, else read now, or when it is its turn. */
  async window(name: string, read: () => Promise<Reading>): Promise<LogWindow | null> {
    for (;;) {
      const kept = this.#windows.get(name);
      if (kept !== undefined) return kept;
      if (this.#readsNow() < MOST_READ_AT_ONCE) return this.#read(name, read);
      await this.#host.sleep(ASK_AGAIN_MS * (0.5 + Math.random()));
    }
  }

  /** The same list for all replays of a log: of a long one it is long. */
  segments(name: string, list: () => readonly Segment[]): readonly Segment[] {
    const segments = this.#lists.get(name) ?? list();
    this.#lists.delete(name);
    this.#lists.set(name, segments);
    const oldest = this.#lists.keys().next().value;
    if (this.#lists.size > KEPT_LISTS && oldest !== undefined) this.#lists.delete(oldest);
    return segments;
  }

  async #read(name: string, read: () => Promise<Reading>): Promise<LogWindow | null> {
    const turn = Symbol(name);
    this.#reads.set(turn, this.#host.now());
    try {
      const { window, isKept } = await read();
      if (window !== null && isKept) this.#keep(name, window);
      return window;
    } finally {
      this.#reads.delete(turn);
    }
  }

  #readsNow(): number {
    const forgotten = this.#host.now() - READ_FORGOTTEN_MS;
    for (const [turn, since] of this.#reads) if (since < forgotten) this.#reads.delete(turn);
    return this.#reads.size;
  }

  #keep(name: string, window: LogWindow): void {
    this.#keptChars += window.lines.length - (this.#windows.get(name)?.lines.length ?? 0);
    this.#windows.set(name, window);
    for (const [oldest, { lines }] of this.#windows) {
      if (this.#keptChars <= KEPT_CHARS) return;
      this.#windows.delete(oldest);
      this.#keptChars -= lines.length;
    }
  }
}

export const replayShare = new ReplayShare({
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
});
