import type { RunStatus } from "../../protocol/event.ts";
import type { LogWindow, SegmentKey } from "../ports.ts";
import type { TailOutcome } from "../run/commands.ts";
import { damagedWindow, mendWindow, ownSequence } from "./damage.ts";

/** Where a reader finds lines. The hot end is asked of the run's object; everything older comes from R2 without passing through it. */
export type LogPlaces = {
  tail(afterSequence: number): Promise<TailOutcome>;
  readSegment(segment: SegmentKey): Promise<string | null>;
  /** The whole log of an archived run from the line after `afterSequence`; null when there is none (yet). */
  wholeLog(afterSequence: number): Promise<AsyncIterable<LogWindow> | null>;
  /** The last sequence of an archived run, whatever its stored log still holds. */
  archivedHead(): Promise<number>;
  /** Lines as they are written. Ends with the run, or when the connection is cut. */
  live(afterSequence: number): AsyncIterable<LogWindow>;
};

/** Neither the object nor R2 has the run's log. */
export class LogMissing extends Error {}

/** The archive may move on while it is read; this often in a row means that something is wrong. */
const MOST_MISSES = 5;
/** Of a log that was cut off, so many missing lines are marked at a time. */
const MARKED_AT_ONCE = 1_000;

export type LogReading = {
  afterSequence: number;
  follow: boolean;
  isEnded: boolean;
  /** The stored bytes as they are. Otherwise a line that cannot be read is replaced by a mark that says so. */
  asStored: boolean;
};

/**
 * Every line after `afterSequence`, in order, each once: up to the head, or with `follow` until the run has ended. A reader that began on segments
 * goes on in the whole log at the same line when the run is archived meanwhile. [READ1] [READ2]
 */
export async function* readLog(places: LogPlaces, options: LogReading): AsyncGenerator<LogWindow, void> {
  let position = options.afterSequence;
  const newsOf = (window: LogWindow): LogWindow | null =>
    clip(options.asStored ? window : mendWindow(window), position);
  let misses = 0;
  let tryWholeLog = options.isEnded;
  for (;;) {
    if (tryWholeLog) {
      const whole = await places.wholeLog(position);
      if (whole !== null) {
        for await (const counted of whole) {
          const window = options.asStored ? counted : await withinHead(counted, places);
          if (window === null) continue;
          const news = newsOf(window);
          if (news !== null) yield news;
          position = Math.max(position, window.lastSequence);
        }
        if (!options.asStored) yield* cutOff(position, await places.archivedHead());
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
        const news = newsOf(window);
        if (news !== null) yield news;
        position = Math.max(position, window.lastSequence);
      }
      continue;
    }
    if (tail.window !== null) {
      const news = newsOf(tail.window);
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
      const { firstSequence, lastSequence } = segment;
      const news = newsOf({ firstSequence, lastSequence, lines });
      if (news !== null) yield news;
      position = segment.lastSequence;
      misses = 0;
    }
  }
}

/** A newline too many makes a log look longer than it is, one too few shorter. Asked only where the last line names another number. [READ3] */
async function withinHead(window: LogWindow, places: LogPlaces): Promise<LogWindow | null> {
  const { firstSequence, lastSequence, lines } = window;
  const startOfLast = lines.lastIndexOf("\n", lines.length - 2) + 1;
  const own = ownSequence(lines.slice(startOfLast, startOfLast + 40));
  if (own === lastSequence) return window;
  const head = await places.archivedHead();
  if (firstSequence > head) return null;
  return { firstSequence, lastSequence: own === head ? head : Math.min(lastSequence, head), lines };
}

/** What a stored log lacks at its end. [READ3] */
function* cutOff(position: number, head: number): Generator<LogWindow> {
  for (let first = position + 1; first <= head; first += MARKED_AT_ONCE)
    yield damagedWindow(first, Math.min(head, first + MARKED_AT_ONCE - 1));
}

const isEnd = (status: RunStatus): boolean => status === "succeeded" || status === "failed" || status === "cancelled";

/** The part of a window after `position`, or null when there is none. Sequences have no gaps, so counting newlines is enough where none is damaged. */
export function clip(window: LogWindow, position: number): LogWindow | null {
  if (position < window.firstSequence) return window;
  if (position >= window.lastSequence) return null;
  const { lines } = window;
  let from = 0;
  if (window.isSparse === true) {
    while (from < lines.length && (ownSequence(lines.slice(from, from + 40)) ?? 0) <= position)
      from = nextLine(lines, from);
    return { ...window, firstSequence: position + 1, lines: lines.slice(from) };
  }
  for (let sequence = window.firstSequence; sequence <= position; sequence += 1) from = nextLine(lines, from);
  const found = ownSequence(lines.slice(from, from + 40));
  if (found !== null && found !== position + 1) {
    // Moved by damage: the first line that says itself to be after the position.
    for (from = 0; from < lines.length; from = nextLine(lines, from))
      if ((ownSequence(lines.slice(from, from + 40)) ?? 0) > position) break;
  }
  return { firstSequence: position + 1, lastSequence: window.lastSequence, lines: lines.slice(from) };
}

function nextLine(lines: string, from: number): number {
  const end = lines.indexOf("\n", from);
  return end === -1 ? lines.length : end + 1;
}

/** The lines of a window with their sequences, without their newlines. */
export function* windowLines(window: LogWindow): Generator<{ sequence: number; line: string }> {
  let from = 0;
  for (let sequence = window.firstSequence; from < window.lines.length; sequence += 1) {
    const end = window.lines.indexOf("\n", from);
    const to = end === -1 ? window.lines.length : end;
    const line = window.lines.slice(from, to);
    if (window.isSparse === true) sequence = ownSequence(line) ?? sequence;
    yield { sequence, line };
    from = to + 1;
  }
}
