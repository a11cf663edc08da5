import type { LogWindow } from "../../core/ports.ts";
import { metricStretches } from "../../core/index/metric-stretches.ts";
import { startInSegments, startInTime } from "../../core/index/log-start.ts";
import { isOfTimeline, readTimeline } from "../../core/index/read-timeline.ts";
import { hasDamage } from "../../core/reading/damage.ts";
import { readingAhead } from "../../core/reading/reading-ahead.ts";
import { LogMissing, readLog } from "../../core/reading/read-log.ts";
import { SkippedLines, type Skipped } from "../../core/reading/skipped-lines.ts";
import type { AheadLines } from "../../core/run/receipts.ts";
import { manifestAhead } from "../../core/run/manifest.ts";
import { isTerminal, type RunStatus } from "../../protocol/event.ts";
import type { Manifest } from "../../protocol/proof/manifest.ts";
import type { R2LogReader } from "../../storage/r2-log-reader.ts";
import type { runObject } from "../objects.ts";
import { liveWindows } from "./live-windows.ts";

/** A run's log, wherever its lines are. */
export type RunLog = {
  /** As D1 knew it when the reading began. */
  isEnded: boolean;
  /** How the run stands now. */
  head(): Promise<{ status: RunStatus; lastSequence: number }>;
  /** SHA-256 of all lines, once the run has ended; null when its log is not whole any more. */
  sha256(): Promise<string | null>;
  /** After which line to look for the first one whose time is `at` or later, and what is needed to find it there. */
  startOf(at: string): Promise<{ afterSequence: number; ahead: AheadLines[] }>;
  /** The lines after a sequence. One that cannot be read is replaced by a mark (`core/reading/damage.ts`). */
  windows(afterSequence: number, how?: ReadHow): AsyncGenerator<LogWindow, void>;
  /** The windows after a sequence in which metrics can be. [MET3] */
  metricWindows(afterSequence: number): AsyncGenerator<LogWindow, void>;
  /** The answer ends with this line of the window that was read last, which nobody reads on from. [READ4] */
  endAt(sequence: number): void;
};

export type ReadHow = {
  /** Wait for lines, until the run ends or `left` says that nobody reads any more. */
  follow?: boolean;
  left?: AbortSignal;
  /** The bytes as they are, damage and all. */
  asStored?: boolean;
  /** Only these types are looked for: where the timeline has them all, lines of other types are left out. */
  types?: readonly string[] | null;
  /** The reader soon wants no more: an archived log is read in small pieces, each when it is wanted. [WIN1] */
  piecewise?: boolean;
};

/** How D1 knows the run: right about an ended one, late about an open one. */
type KnownRun = { status: RunStatus; last_sequence: number; incomplete: boolean };

export function runLog(from: {
  object: ReturnType<typeof runObject>;
  reader: R2LogReader;
  headers: Headers;
  isEnded: boolean;
  row: KnownRun;
  /** So many segments are asked for before the reader comes to them; 0 without it. */
  ahead?: number;
  /** Something of the stored log cannot be read, or all of it is gone. */
  damaged: () => Promise<void>;
  /** Told when a reader had to leave lines out: at the end of what it reads, and of what there was before it waits for more. */
  skipped: (skipped: Skipped) => void;
}): RunLog {
  const { object, reader, isEnded } = from;
  const skipped = new SkippedLines(from.skipped);
  // The socket's path decides what the object serves; its host is never looked up.
  const liveUrl = (afterSequence: number): URL => new URL(`https://object/live?after_sequence=${afterSequence}`);
  const head = async (): Promise<{ status: RunStatus; lastSequence: number }> => {
    const { status, last_sequence: lastSequence } = from.row;
    if (isTerminal(status)) return { status, lastSequence };
    const tail = await object.logTail(Number.MAX_SAFE_INTEGER - 1);
    return tail.kind === "unknown"
      ? archivedHead(reader, from.row)
      : { status: tail.status, lastSequence: tail.headSequence };
  };
  const logWindows = (afterSequence: number, how: ReadHow): AsyncGenerator<LogWindow, void> =>
    readLog(
      readingAhead(from.ahead ?? 0, {
        tail: (sequence) => object.logTail(sequence),
        readSegment: (segment) => reader.readSegment(segment),
        wholeLog: (sequence) => reader.wholeLog(sequence, how.piecewise),
        archivedHead: async () => (await head()).lastSequence,
        live: (sequence) => {
          skipped.tell();
          const left = how.left ?? new AbortController().signal;
          return liveWindows((request) => object.fetch(request), liveUrl(sequence), from.headers, left);
        },
      }),
      { afterSequence, follow: how.follow ?? false, isEnded, asStored: how.asStored ?? false },
    );
  return {
    isEnded,
    head,
    async sha256() {
      if (from.row.incomplete) return null;
      const manifest = await reader.manifest();
      if (manifest !== null) return vouchedSha256(manifest);
      const tail = await object.logTail(Number.MAX_SAFE_INTEGER - 1);
      if (tail.kind === "tail") return tail.sha256;
      // Archived between the two questions, or there is no manifest any more.
      return vouchedSha256(await reader.manifest());
    },
    async startOf(at) {
      const index = isEnded ? await reader.index() : null;
      if (index !== null) return startInTime(index, at);
      const tail = await object.logTail(0);
      if (tail.kind === "tail") return { afterSequence: startInSegments(tail, at), ahead: tail.ahead };
      // Archived meanwhile, or without an index.
      const made = await reader.index();
      if (made !== null) return startInTime(made, at);
      const manifest = await reader.manifest();
      return { afterSequence: 0, ahead: manifest === null ? [] : manifestAhead(manifest) };
    },
    windows: (afterSequence, how = {}) =>
      watched(skipped.noticed(fittingWindows(reader, isEnded, afterSequence, how, logWindows)), from.damaged),
    metricWindows: (afterSequence) =>
      watched(skipped.noticed(metricWindows(reader, isEnded, afterSequence, logWindows)), from.damaged),
    endAt: (sequence) => skipped.endAt(sequence),
  };
}

/** From the timeline, where it has all that is asked for; else from the log. [TML1] */
async function* fittingWindows(
  reader: R2LogReader,
  isEnded: boolean,
  afterSequence: number,
  how: ReadHow,
  logWindows: (afterSequence: number, how: ReadHow) => AsyncGenerator<LogWindow, void>,
): AsyncGenerator<LogWindow, void> {
  const { types = null } = how;
  const index = isEnded && types !== null && isOfTimeline(types) ? await reader.index() : null;
  if (index === null) return yield* logWindows(afterSequence, how);
  yield* readTimeline(index, afterSequence, {
    bytes: (first, last) => reader.timelineBytes(first, last),
    sha256: (bytes) => reader.sha256(bytes),
    log: (sequence) => {
      reader.noteTimeline();
      return logWindows(sequence, { ...how, piecewise: true });
    },
  });
}

/** All of an open log; of an archived one what its index does not say to be without any. */
async function* metricWindows(
  reader: R2LogReader,
  isEnded: boolean,
  afterSequence: number,
  logWindows: (afterSequence: number, how: ReadHow) => AsyncGenerator<LogWindow, void>,
): AsyncGenerator<LogWindow, void> {
  const index = isEnded ? await reader.index() : null;
  // Of a log of another size nobody knows what is where.
  if (index === null || (await reader.head())?.size !== index.logBytes) return yield* logWindows(afterSequence, {});
  let position = afterSequence;
  for (const stretch of metricStretches(index, afterSequence)) {
    if (stretch.through <= position) continue;
    // The last window before may have reached into this stretch.
    const start = Math.max(position, stretch.afterSequence);
    for await (const window of logWindows(start, { piecewise: stretch.isShort })) {
      yield window;
      position = window.lastSequence;
      if (position >= stretch.through) break;
    }
  }
}

/** The same windows; the first that has damage is told of, and so is a log that is gone. [DMG2] */
async function* watched(
  windows: AsyncGenerator<LogWindow, void>,
  damaged: () => Promise<void>,
): AsyncGenerator<LogWindow, void> {
  let isTold = false;
  try {
    for await (const window of windows) {
      if (!isTold && hasDamage(window)) {
        isTold = true;
        await damaged();
      }
      yield window;
    }
  } catch (error) {
    if (error instanceof LogMissing && !isTold) await damaged();
    throw error;
  }
}

/** Of a log that lacks something nobody gets the hash: who has all that can be had would find it wrong. */
export const vouchedSha256 = (manifest: Manifest | null): string | null =>
  manifest === null || manifest.damaged !== undefined ? null : manifest.sha256;

/** The run ended and was archived since D1 was asked. */
async function archivedHead(reader: R2LogReader, row: KnownRun): Promise<{ status: RunStatus; lastSequence: number }> {
  const manifest = await reader.manifest();
  return manifest === null
    ? { status: row.status, lastSequence: row.last_sequence }
    : { status: manifest.status, lastSequence: manifest.events };
}
