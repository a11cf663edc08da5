import type { RunStatus } from "../../protocol/event.ts";
import type { LogWindow, SegmentKey } from "../ports.ts";
import type { TailOutcome } from "../run/commands.ts";

/** Where a reader finds lines. The hot end is asked of the run's object; everything older comes from R2 without passing through it. */
export type LogPlaces = {
  tail(afterSequence: number): Promise<TailOutcome>;
  readSegment(segment: SegmentKey): Promise<string | null>;
  /** The whole log of an archived run from the line after `afterSequence`; null when there is none (yet). */
  wholeLog(afterSequence: number): Promise<AsyncIterable<LogWindow> | null>;
  /** Lines as they are written. Ends with the run, or when the connection is cut. */
  live(afterSequence: number): AsyncIterable<LogWindow>;
};

/** Neither the object nor R2 has the run's log. */
export class LogMissing extends Error {}

/** The archive may move on while it is read; this often in a row means that something is wrong. */
const MOST_MISSES = 5;

/**
 * Every line after `afterSequence`, in order, each once: up to the head, or with `follow` until the run has ended. A reader that began on segments
 * goes on in the whole log at the same line when the run is archived meanwhile. [READ1] [READ2]
 */
export async function* readLog(
  places: LogPlaces,
  options: { afterSequence: number; follow: boolean; isEnded: boolean },
): AsyncGenerator<LogWindow, void> {
  let position = options.afterSequence;
  let misses = 0;
  let tryWholeLog = options.isEnded;
  for (;;) {
    if (tryWholeLog) {
      const whole = await places.wholeLog(position);
      if (whole !== null) {
        for await (const window of whole) {
          const news = clip(window, position);
          if (news !== null) yield news;
          position = Math.max(position, window.lastSequence);
        }
        return;
      }
      tryWholeLog = false;
      misses += 1;
      if (misses > MOST_MISSES) throw new LogMissing(`no lines after ${position}`);
    }
    const tail = await places.tail(position);
    if (tail.kind === "unknown") {
      tryWholeLog = true;
      continue;
    }
    if (position >= tail.headSequence) {
      if (isEnd(tail.status) || !options.follow) return;
      for await (const window of places.live(position)) {
        const news = clip(window, position);
        if (news !== null) yield news;
        position = Math.max(position, window.lastSequence);
      }
      continue;
    }
    if (tail.window !== null) {
      const news = clip(tail.window, position);
      if (news !== null) yield news;
      position = tail.window.lastSequence;
      misses = 0;
      continue;
    }
    for (const segment of tail.segments) {
      const lines = await places.readSegment(segment);
      if (lines === null) {
        tryWholeLog = true;
        break;
      }
      const news = clip({ firstSequence: segment.firstSequence, lastSequence: segment.lastSequence, lines }, position);
      if (news !== null) yield news;
      position = segment.lastSequence;
      misses = 0;
    }
  }
}

const isEnd = (status: RunStatus): boolean => status === "succeeded" || status === "failed" || status === "cancelled";

/** The part of a window after `position`, or null when there is none. Sequences have no gaps, so counting newlines is enough. */
export function clip(window: LogWindow, position: number): LogWindow | null {
  if (position < window.firstSequence) return window;
  if (position >= window.lastSequence) return null;
  let from = 0;
  for (let sequence = window.firstSequence; sequence <= position; sequence += 1)
    from = window.lines.indexOf("\n", from) + 1;
  return { firstSequence: position + 1, lastSequence: window.lastSequence, lines: window.lines.slice(from) };
}

/** The lines of a window with their sequences, without their newlines. */
export function* windowLines(window: LogWindow): Generator<{ sequence: number; line: string }> {
  let from = 0;
  for (let sequence = window.firstSequence; from < window.lines.length; sequence += 1) {
    const end = window.lines.indexOf("\n", from);
    const to = end === -1 ? window.lines.length : end;
    yield { sequence, line: window.lines.slice(from, to) };
    from = to + 1;
  }
}
