import type { ArchiveProgress, HotBatch, Segment, SegmentKey, WrongLogs } from "../ports.ts";
import { FLUSH_AFTER_MS } from "./alarm-plan.ts";

const MIB = 1024 * 1024;
export const SEGMENT_BYTES = 1 * MIB;
/** R2 wants parts of at least 5 MiB; a log below that goes up in one put. */
export const SINGLE_PUT_BYTES = 5 * MIB;
export const PART_BYTES = 8 * MIB;
/** R2's limit is 10,000 parts an object. */
const MOST_PARTS = 9_000;
/** Segments that are read in one step. */
const GATHERED_A_STEP = 500;
/** Whether watchers of an archived run are still there. */
const LOOK_AGAIN_MS = 60_000;

export type ArchiveFacts = {
  ended: boolean;
  now: number;
  segments: readonly Segment[];
  hotBytes: number;
  oldestHotAt: number | null;
  archive: ArchiveProgress;
  /** The bytes of the whole log that are in memory for the next put. */
  gathered: ByteRange;
  indexPending: boolean;
  /** Watchers that still read from the object; it is emptied only when there are none. */
  watchersBehind: boolean;
};

/** Bytes `from..to` of the whole log, `to` exclusive. */
export type ByteRange = { from: number; to: number };

export type ArchiveStep =
  /** Decide the next segment's range, write it down, then put it. */
  | { kind: "plan_segment" }
  | { kind: "put_segment"; segment: SegmentKey }
  /** Read the next segments of what is put next, the first of which begins at `from`. */
  | { kind: "gather"; from: number; segments: Segment[] }
  | { kind: "put_log"; range: ByteRange }
  | { kind: "start_upload"; partBytes: number }
  | { kind: "upload_part"; uploadId: string; partNumber: number; range: ByteRange }
  | { kind: "complete_upload"; uploadId: string; parts: { partNumber: number; etag: string }[] }
  | { kind: "delete_log" }
  | { kind: "write_manifest"; sha256: string }
  | { kind: "write_index" }
  | { kind: "delete_segments" }
  | { kind: "empty" }
  | { kind: "wait"; until: number | null };

/** How many bytes the whole log has of a segment: all, unless some were damaged before it was made. */
export const keptBytes = ({ bytes, damage }: Pick<Segment, "bytes" | "damage">): number => damage?.bytes ?? bytes;
export const logBytes = (segments: readonly Pick<Segment, "bytes" | "damage">[]): number =>
  segments.reduce((sum, segment) => sum + keptBytes(segment), 0);
export const partBytesFor = (totalBytes: number): number =>
  Math.max(PART_BYTES, Math.ceil(totalBytes / MOST_PARTS / MIB) * MIB);

/** The next thing to do for a run's archive, in the order of the contract: each step may be repeated after a kill. [ARC2] */
export function nextArchiveStep(facts: ArchiveFacts): ArchiveStep {
  const planned = facts.segments.at(-1);
  if (planned !== undefined && planned.sha256 === null) return { kind: "put_segment", segment: planned };
  if (facts.hotBytes > 0) {
    if (facts.ended || facts.hotBytes >= SEGMENT_BYTES) return { kind: "plan_segment" };
    const until = (facts.oldestHotAt ?? facts.now) + FLUSH_AFTER_MS;
    return until <= facts.now ? { kind: "plan_segment" } : { kind: "wait", until };
  }
  if (!facts.ended) return { kind: "wait", until: null };
  return nextClosingStep(facts);
}

function nextClosingStep(facts: ArchiveFacts): ArchiveStep {
  const { archive } = facts;
  const totalBytes = logBytes(facts.segments);
  switch (archive.phase) {
    case "wrong":
      return { kind: "delete_log" };
    case "open":
      if (archive.wrong !== undefined && archive.wrong.until > facts.now)
        return { kind: "wait", until: archive.wrong.until };
      if (totalBytes >= SINGLE_PUT_BYTES) return { kind: "start_upload", partBytes: partBytesFor(totalBytes) };
      return gatherFor(facts, { kind: "put_log", range: { from: 0, to: totalBytes } });
    case "composing": {
      const { uploadId, partBytes, parts } = archive;
      const from = parts.length * partBytes;
      if (from >= totalBytes) return { kind: "complete_upload", uploadId, parts };
      const range = { from, to: Math.min(from + partBytes, totalBytes) };
      return gatherFor(facts, { kind: "upload_part", uploadId, partNumber: parts.length + 1, range });
    }
    case "composed":
      return { kind: "write_manifest", sha256: archive.sha256 };
    case "proved":
      // The row must be in D1 before the object forgets the run: afterwards nothing else knows it.
      return facts.indexPending ? { kind: "write_index" } : { kind: "delete_segments" };
    case "cleared":
      // Edited since: the object is the only one to know, until the row has it. [EDIT1]
      if (facts.indexPending) return { kind: "write_index" };
      // A watcher that is still behind is fed by this object; the segments' ranges say where it is in the whole log.
      // Looked at again without being told: the sockets of a killed server go without a word. [ARC4]
      return facts.watchersBehind ? { kind: "wait", until: facts.now + LOOK_AGAIN_MS } : { kind: "empty" };
  }
}

/** The whole log is begun anew; how often it came back wrong is not forgotten over that. */
export const begunAnew = (archive: ArchiveProgress): ArchiveProgress => ({ phase: "open", ...wrongOf(archive) });
export const wrongOf = (archive: ArchiveProgress): { wrong?: WrongLogs } =>
  "wrong" in archive && archive.wrong !== undefined ? { wrong: archive.wrong } : {};

/** The put when its bytes are in memory, else the segments to read next: a few hundred at most, however small they are. [ARC5] */
function gatherFor({ gathered, segments }: ArchiveFacts, put: Extract<ArchiveStep, { range: ByteRange }>): ArchiveStep {
  const { range } = put;
  const isBegun = gathered.from <= range.from && range.from < gathered.to;
  const wantedFrom = isBegun ? gathered.to : range.from;
  if (wantedFrom >= range.to) return put;
  const step: Extract<ArchiveStep, { kind: "gather" }> = { kind: "gather", from: 0, segments: [] };
  let start = 0;
  for (const segment of segments) {
    if (start >= range.to || step.segments.length === GATHERED_A_STEP) break;
    if (start + keptBytes(segment) > wantedFrom) {
      if (step.segments.length === 0) step.from = start;
      step.segments.push(segment);
    }
    start += keptBytes(segment);
  }
  return step;
}

/** How many requests a step makes at most; an invocation may make 10,000. [ARC5] */
export function requestsOf(step: ArchiveStep, segments: number): number {
  switch (step.kind) {
    case "gather":
      return step.segments.length;
    case "delete_segments":
      return Math.ceil(segments / 1_000);
    case "complete_upload":
      // Complete, look whether it is there, read it back; the timeline, which has no more parts than the log; the index.
      return 3 + step.parts.length + 3 + 1;
    default:
      // The most is the put of a whole log: that, reading it back, timeline and index.
      return 4;
  }
}

/** The range of the next segment: whole rows from the hot end's first, up to about 1 MiB. Null without rows. */
export function planSegment(
  rows: Iterable<Pick<HotBatch, "firstSequence" | "lastSequence" | "bytes">>,
): (SegmentKey & { bytes: number }) | null {
  let segment: (SegmentKey & { bytes: number }) | null = null;
  for (const row of rows) {
    if (segment === null) {
      segment = { firstSequence: row.firstSequence, lastSequence: row.lastSequence, bytes: row.bytes };
    } else if (segment.bytes + row.bytes > SEGMENT_BYTES) {
      break;
    } else {
      segment.lastSequence = row.lastSequence;
      segment.bytes += row.bytes;
    }
  }
  return segment;
}
