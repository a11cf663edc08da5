import type { Archive, EventLog, LogWindow, Segment } from "../ports.ts";
import { storedThrough, type RunMemory } from "./run-memory.ts";

/** One read of the hot log for a watcher: a quarter of its window. */
const HOT_WINDOW_BYTES = 256 * 1024;
/** Watchers that catch up together read the same segments; four are kept for all of them. */
const KEPT_SEGMENTS = 4;

/** Where the lines of a run are: the hot log, its segments, or the whole log once the segments are gone. */
export class LogSource {
  readonly #log: EventLog;
  readonly #archive: Archive;
  readonly #kept = new Map<number, Promise<string | null>>();

  constructor(log: EventLog, archive: Archive) {
    this.#log = log;
    this.#archive = archive;
  }

  /** Whole lines that hold `sequence + 1`, perhaps with lines before it. Null when they are in none of the places just now. */
  windowAfter(memory: RunMemory, sequence: number): LogWindow | null | Promise<LogWindow | null> {
    if (sequence >= storedThrough(memory)) return this.#log.windowAfter(sequence, HOT_WINDOW_BYTES);
    const at = memory.segments.findIndex((segment) => segment.lastSequence > sequence);
    const segment = memory.segments[at];
    return segment === undefined ? null : this.#segmentWindow(memory, segment, at);
  }

  async #segmentWindow(memory: RunMemory, segment: Segment, at: number): Promise<LogWindow | null> {
    const { firstSequence, lastSequence } = segment;
    const kept = this.#kept.get(firstSequence) ?? this.#read(memory, segment, at);
    this.#kept.delete(firstSequence);
    this.#kept.set(firstSequence, kept);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size > KEPT_SEGMENTS && oldest !== undefined) this.#kept.delete(oldest);
    try {
      const lines = await kept;
      if (lines !== null) return { firstSequence, lastSequence, lines };
    } catch (error) {
      this.#kept.delete(firstSequence);
      throw error;
    }
    this.#kept.delete(firstSequence);
    return null;
  }

  async #read(memory: RunMemory, segment: Segment, at: number): Promise<string | null> {
    const run = memory.identity;
    const lines = memory.archive.phase === "cleared" ? null : await this.#archive.readSegment(run, segment);
    if (lines !== null) return lines;
    const from = memory.segments.slice(0, at).reduce((sum, { bytes }) => sum + bytes, 0);
    return this.#archive.readLog(run, from, from + segment.bytes);
  }
}
