import type { LogWindow } from "../ports.ts";
import type { AheadLines } from "../run/receipts.ts";
import { clip, windowLines } from "./read-log.ts";

const LINE_TIME = /^\{"sequence":\d+,"type":"[^"]*","created_at":"([^"]*)"/;

/** The log's time, line by line from the first. A damaged line moves nothing. */
class LogClock {
  readonly #ahead: readonly AheadLines[];
  #next = 0;
  #time = "";

  constructor(ahead: readonly AheadLines[]) {
    this.#ahead = ahead;
  }

  /** `now` bounds what came too late to be known as ahead. */
  read(sequence: number, line: string, now: string): string {
    const createdAt = LINE_TIME.exec(line)?.[1] ?? "";
    while ((this.#ahead[this.#next]?.lastSequence ?? Infinity) < sequence) this.#next += 1;
    const noted = this.#ahead[this.#next];
    const receivedAt = noted !== undefined && noted.firstSequence <= sequence ? noted.receivedAt : now;
    const bounded = createdAt < receivedAt ? createdAt : receivedAt;
    if (bounded > this.#time) this.#time = bounded;
    return this.#time;
  }
}

/** The lines from the first whose time is `at` or later. `windows` begin with a line before which no time is; `skipped` is told what was passed over. */
export async function* fromTime(
  windows: AsyncIterable<LogWindow>,
  at: string,
  options: { ahead: readonly AheadLines[]; now: () => string; skipped?: (throughSequence: number) => void },
): AsyncGenerator<LogWindow, void> {
  const clock = new LogClock(options.ahead);
  let isReached = false;
  for await (const window of windows) {
    let last = 0;
    if (!isReached) {
      const now = options.now();
      for (const { sequence, line } of windowLines(window)) {
        isReached = clock.read(sequence, line, now) >= at;
        if (isReached) break;
        last = sequence;
      }
      if (last > 0) options.skipped?.(last);
    }
    const rest = isReached ? clip(window, last) : null;
    if (rest !== null) yield rest;
  }
}
