import { LIMITS } from "../../protocol/limits.ts";
import type { ArchivedRun } from "./archived-log.ts";

/** Bytes sent up to a sequence since the mark before it. */
export type WindowMark = [lastSequence: number, bytes: number];

/** What a watcher has been sent and has not acknowledged, to within 16 KiB. */
export type WatcherWindow = { outstandingBytes: number; marks: WindowMark[] };

/** Everything the object must know of a watcher after hibernation. It lives in the socket's attachment: keep it under 16 KiB. */
export type WatcherState = {
  watcherId: string;
  name: string;
  principalId: string;
  /** The last sequence considered for this watcher: sent, or left out by its filter. */
  position: number;
  types: string[] | null;
  stay: boolean;
  caughtUp: boolean;
  /** Nothing of the log is sent any more: it has the end, or was closed. */
  ended: boolean;
  window: WatcherWindow;
  /** Since when lines wait for room; null while none do. Every new acknowledgement moves it to now. */
  blockedAt: number | null;
  lastSentSequence: number;
  /** The greatest sequence it has acknowledged of what it was sent. */
  acknowledgedSequence: number;
  /** When the caller's session ends, epoch ms; null: never. */
  expiresAt: number | null;
  /** The run, when its object was empty already: nothing else there tells of it. */
  archived: ArchivedRun | null;
  view: { first: number; last: number; follow: boolean } | null;
};

/**
 * Small frames share a mark until it holds this much: an acknowledgement can then be counted short by at most so much, and
 * the marks of a full window stay near 64.
 */
const MARK_BYTES = 16 * 1024;

export const emptyWindow = (): WatcherWindow => ({ outstandingBytes: 0, marks: [] });

/** A watcher that was not yet sent anything. */
export const newWatcher = (
  watcherId: string,
  principal: { id: string; name: string },
  query: { afterSequence: number; types: string[] | null; stay: boolean },
  expiresAt: number | null,
  archived: ArchivedRun | null,
): WatcherState => ({
  watcherId,
  name: principal.name,
  principalId: principal.id,
  position: query.afterSequence,
  types: query.types,
  stay: query.stay,
  caughtUp: false,
  ended: false,
  window: emptyWindow(),
  blockedAt: null,
  lastSentSequence: query.afterSequence,
  acknowledgedSequence: query.afterSequence,
  expiresAt,
  archived,
  view: null,
});

/**
 * Whether `bytes` more may be sent now. Beyond its own limit, or above 128 KiB when the run's 32 MiB are used up, a watcher waits for
 * its acknowledgements; one line longer than any limit goes when nothing is outstanding. [FLOW1] [FLOW2]
 */
export function fits(window: WatcherWindow, runOutstandingBytes: number, bytes: number): boolean {
  if (window.outstandingBytes === 0) return true;
  const limit =
    runOutstandingBytes + bytes > LIMITS.runWindowBytes ? LIMITS.crowdedWatcherWindowBytes : LIMITS.watcherWindowBytes;
  return window.outstandingBytes + bytes <= limit;
}

/** Counts a frame as outstanding. */
export function sent(window: WatcherWindow, lastSequence: number, bytes: number): void {
  window.outstandingBytes += bytes;
  const open = window.marks.at(-1);
  if (open !== undefined && open[1] + bytes <= MARK_BYTES) {
    open[0] = lastSequence;
    open[1] += bytes;
  } else {
    window.marks.push([lastSequence, bytes]);
  }
}

/** Releases every mark that `sequence` covers. Returns the bytes released; an old or repeated acknowledgement releases none. */
export function acknowledged(window: WatcherWindow, sequence: number): number {
  let released = 0;
  let covered = 0;
  for (const [lastSequence, bytes] of window.marks) {
    if (lastSequence > sequence) break;
    released += bytes;
    covered += 1;
  }
  if (covered > 0) window.marks.splice(0, covered);
  window.outstandingBytes -= released;
  return released;
}

/** When a watcher that acknowledges nothing is to be closed, or null while it may stay. [FLOW4] */
export const silentUntil = (state: WatcherState): number | null =>
  state.blockedAt === null ? null : state.blockedAt + LIMITS.watcherSilenceMs;
