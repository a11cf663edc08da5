import type { Archive, EventLog, LogWindow, RunAddress, RunPorts, Segment } from "../ports.ts";
import { hasDamage, mendWindow } from "../reading/damage.ts";
import { skippedIn } from "../reading/skipped-lines.ts";
import { keptBytes, logBytes } from "./archive-plan.ts";
import type { TailOutcome } from "./commands.ts";
import { endSha256 } from "./log-hash.ts";
import { storedThrough, type RunMemory } from "./run-memory.ts";

/** One read of the hot log for a watcher: a quarter of its window. */
const HOT_WINDOW_BYTES = 256 * 1024;
/** Watchers that catch up together read the same lines: so much is kept for all of them. Written lines never change. */
const KEPT_HOT_WINDOWS = 4;
const KEPT_SEGMENTS = 4;

/** Lines behind damage are looked for so far from where they were. */
const MOVED_BYTES = 256 * 1024;

/** What tells where the stored lines of a run are. */
export type StoredLog = Pick<RunMemory, "segments" | "archive"> & {
  identity: Pick<RunMemory["identity"], "runId" | "workspaceId">;
};

/**
 * Where the lines of a run are: the hot log, its segments, or the whole log once the segments are gone. What comes from R2 is looked at once for
 * damage, for all its watchers; hot lines are this object's own, and without them it would not know the run at all. [READ3]
 */
export class LogSource {
  readonly #log: EventLog;
  readonly #archive: Archive;
  readonly #report: RunPorts["report"];
  readonly #damaged: (run: RunAddress) => void;
  #hot: LogWindow[] = [];
  readonly #kept = new Map<number, Promise<LogWindow | null>>();
  /** Segments whose damage is in the server's log already: every watcher may read them again. [READ4] */
  readonly #reported = new Set<number>();

  /** `damaged`: what was read from R2 holds lines that cannot be read. */
  constructor(
    { log, archive, report }: Pick<RunPorts, "log" | "archive" | "report">,
    damaged: (run: RunAddress) => void,
  ) {
    this.#log = log;
    this.#archive = archive;
    this.#report = report;
    this.#damaged = damaged;
  }

  /** Whole lines that hold `sequence + 1`, perhaps with lines before it. Null when they are in none of the places just now. */
  windowAfter(memory: RunMemory, sequence: number): LogWindow | null | Promise<LogWindow | null> {
    return sequence >= storedThrough(memory) ? this.#hotWindow(sequence) : this.storedAfter(memory, sequence);
  }

  #hotWindow(sequence: number): LogWindow | null {
    const known = this.#hot.find((window) => window.firstSequence <= sequence + 1 && sequence < window.lastSequence);
    if (known !== undefined) return known;
    const window = this.#log.windowAfter(sequence, HOT_WINDOW_BYTES);
    if (window !== null) this.#hot = [window, ...this.#hot.slice(0, KEPT_HOT_WINDOWS - 1)];
    return window;
  }

  /** The same, of what is in R2. */
  storedAfter(memory: StoredLog, sequence: number): LogWindow | null | Promise<LogWindow | null> {
    const at = memory.segments.findIndex((segment) => segment.lastSequence > sequence);
    const segment = memory.segments[at];
    return segment === undefined ? null : this.#segmentWindow(memory, segment, at);
  }

  async #segmentWindow(memory: StoredLog, segment: Segment, at: number): Promise<LogWindow | null> {
    const { firstSequence } = segment;
    const kept = this.#kept.get(firstSequence) ?? this.#read(memory, segment, at);
    this.#kept.delete(firstSequence);
    this.#kept.set(firstSequence, kept);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size > KEPT_SEGMENTS && oldest !== undefined) this.#kept.delete(oldest);
    try {
      const window = await kept;
      if (window !== null) return window;
    } catch (error) {
      this.#kept.delete(firstSequence);
      throw error;
    }
    this.#kept.delete(firstSequence);
    return null;
  }

  async #read(memory: StoredLog, segment: Segment, at: number): Promise<LogWindow | null> {
    const window = await this.#readMended(memory, segment, at);
    const skipped = window === null ? null : skippedIn(window);
    if (skipped !== null) this.#damaged(memory.identity);
    if (skipped !== null && !this.#reported.has(segment.firstSequence)) {
      this.#reported.add(segment.firstSequence);
      this.#report("skipped", { workspace_id: memory.identity.workspaceId, what: "line", ...skipped });
    }
    return window;
  }

  async #readMended(memory: StoredLog, segment: Segment, at: number): Promise<LogWindow | null> {
    const run = memory.identity;
    const { firstSequence, lastSequence } = segment;
    const alone = memory.archive.phase === "cleared" ? null : await this.#archive.readSegment(run, segment);
    return alone === null
      ? segmentOfWholeLog(this.#archive, run, memory.segments, at)
      : mendWindow({ firstSequence, lastSequence, lines: alone });
  }
}

/** The lines that were a segment, from the whole log; null when there is none. [READ3] */
export async function segmentOfWholeLog(
  archive: Pick<Archive, "readLog">,
  run: RunAddress,
  segments: readonly Segment[],
  at: number,
): Promise<LogWindow | null> {
  const segment = segments[at];
  if (segment === undefined) return null;
  const { firstSequence, lastSequence } = segment;
  const mended = (lines: string): LogWindow => mendWindow({ firstSequence, lastSequence, lines });
  const from = logBytes(segments.slice(0, at));
  const to = from + keptBytes(segment);
  const lines = await archive.readLog(run, from, to);
  if (lines === null) return null;
  const window = mended(lines);
  if (!hasDamage(window)) return window;
  // What is damaged may be longer or shorter than it was, and have moved the rest.
  const wider = await archive.readLog(run, Math.max(0, from - MOVED_BYTES), to + MOVED_BYTES);
  return wider === null ? window : mended(wider);
}

/** One read of the hot log for an HTTP reader. */
const TAIL_BYTES = 1024 * 1024;

export function tailOf(log: EventLog, memory: RunMemory, sequence: number): TailOutcome {
  const hotAfter = storedThrough(memory);
  return {
    kind: "tail",
    status: memory.state.status,
    headSequence: memory.state.last_sequence,
    sha256: memory.isIncomplete ? null : endSha256(log, memory),
    hotAfter,
    segments: memory.segments.filter((segment) => segment.sha256 !== null && segment.lastSequence > sequence),
    ahead: memory.ahead,
    window: sequence >= hotAfter ? log.windowAfter(sequence, TAIL_BYTES) : null,
  };
}
