import type { Run as WireRun } from "../protocol/api.ts";
import type { Summary } from "../protocol/summary.ts";
import type { Details } from "./run/edits.ts";
import type { Checkpoint, RunIdentity } from "./run/run-memory.ts";
import type { Manifest, ManifestSignature } from "../protocol/proof/manifest.ts";
import type { Sha256 } from "./run/manifest.ts";
import type { ProducerMark } from "./run/sequencer.ts";
import type { WatcherState } from "./run/flow-control.ts";

/** What the core needs of the world, in the core's words. Each has an adapter in `storage/` or `durable-objects/` and a fake in `test/fakes/`. */

/**
 * The run as it is stored: everything the API returns but the address one watches it at, which only the Worker knows. Its parameters are the JSON
 * text of one object: values would lose digits in the first call or column that they pass through.
 */
export type StoredRun = Omit<WireRun, "watch_url" | "parameters"> & { parameters: string };

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** A fresh random identifier. */
  newId(): string;
}

/** Calls `run` after `delayMs`; forgotten when the object leaves memory, so nothing that must happen may depend on it. */
export interface Timer {
  /** Answers with what calls it off. */
  after(delayMs: number, run: () => void): () => void;
}

/** The object's one durable deadline. */
export interface Alarm {
  set(at: number | null): void;
}

/** A row of the hot log: lines of one batch, or a part of a batch whose lines pass 1 MiB. */
export type HotBatch = {
  firstSequence: number;
  lastSequence: number;
  bytes: number;
  /** Whole lines, each with its newline. */
  lines: string;
  receivedAt: number;
  /** On the last row of a producer's batch. What the server wrote by itself renews no lease, and is no batch of anybody's. */
  fromProducer: boolean;
  /** On the last row of a batch from a named producer. */
  mark: ProducerMark | null;
};

/** Lines `firstSequence..lastSequence`, whole, each with its newline. */
export type LogWindow = {
  firstSequence: number;
  lastSequence: number;
  lines: string;
  /** Of these only the ones that the timeline has: each says its own number. */
  isSparse?: true;
};

/** One R2 object of an open run. Decided and stored before its put, retried unchanged. */
export type Segment = {
  firstSequence: number;
  lastSequence: number;
  bytes: number;
  /** null until the put is known to have worked. */
  sha256: string | null;
  /** The greatest time of its lines, as the log's time has it; not known of one that was stored before it was kept. [TIME2] */
  latestAt?: string;
  /** What the archive can still have of it, when it was found to be damaged or gone. [DMG1] */
  damage?: SegmentDamage;
};
/** Of the lines that are left. */
export type SegmentDamage = { bytes: number; sha256: string };

/** How far the archive of an ended run has come; see `archive-plan.ts`. */
export type ArchiveProgress =
  | { phase: "open"; wrong?: WrongLogs }
  | {
      phase: "composing";
      uploadId: string;
      partBytes: number;
      parts: { partNumber: number; etag: string }[];
      /** Of a timeline that goes up in parts, made after the last of the log's. */
      timelineUploadId?: string;
      wrong?: WrongLogs;
    }
  /** R2 gave back another log than it was given: it is to be taken away. */
  | { phase: "wrong"; wrong: WrongLogs }
  /** The whole log is one object; its hash was taken from what R2 gave back. */
  | { phase: "composed"; sha256: string }
  | { phase: "proved" }
  /** The segments are deleted; only the object's own storage is left. */
  | { phase: "cleared" };

/** How often the whole log came back with other bytes, and before when it is not made again. [ARC8] */
export type WrongLogs = { count: number; until: number };

/** The run's own durable storage: synchronous, transactional, lost never. */
export interface EventLog {
  /** What was stored last, or null when this object holds no run. */
  load(): {
    identity: RunIdentity;
    checkpoint: Checkpoint | null;
    segments: Segment[];
    archive: ArchiveProgress;
  } | null;
  /** Runs `write` as one transaction: all of it or nothing. Throws what `write` throws. */
  transaction(write: () => void): void;
  putIdentity(identity: RunIdentity): void;
  putCheckpoint(checkpoint: Checkpoint): void;
  putSegment(segment: Segment): void;
  /** Null when it was mended. */
  putDamage(segment: SegmentKey, damage: SegmentDamage | null): void;
  putArchive(archive: ArchiveProgress): void;
  append(batch: HotBatch): void;
  /** A batch without lines still uses up its producer's number. */
  appendEmpty(mark: ProducerMark): void;
  /** Hot rows whose last line is after `sequence`, oldest first. */
  batchesAfter(sequence: number): Iterable<HotBatch>;
  emptyBatches(): Iterable<ProducerMark>;
  /** Hot lines after `sequence`, whole rows, until `maxBytes` are reached (one row at least); null when there are none. */
  windowAfter(sequence: number, maxBytes: number): LogWindow | null;
  /** Sizes of the hot rows after `sequence`, oldest first, without their lines. */
  rowsAfter(
    sequence: number,
  ): Iterable<Pick<HotBatch, "firstSequence" | "lastSequence" | "bytes" | "receivedAt" | "fromProducer">>;
  /** Drops hot rows that end at or before `sequence`, and the empty batches that a checkpoint holds. */
  dropThrough(sequence: number): void;
  /** D1 is a projection: the transaction that changes what it shows notes that it is due. */
  putOutbox(outbox: Outbox): void;
  outbox(): Outbox;
  /** Name, labels and pin, once somebody edited them. */
  putDetails(details: Details): void;
  details(): Details | null;
  /** Artifacts that came after the end. */
  putLateArtifacts(names: readonly string[]): void;
  lateArtifacts(): string[];
  /** Whether something of what was stored is known to be damaged or gone. */
  putIncomplete(isIncomplete: boolean): void;
  isIncomplete(): boolean;
  /** When a heartbeat was last written down; appends carry their own time. */
  putHeardAt(at: number): void;
  heardAt(): number | null;
  /** Before this no deadline of the producer's counts: granted when the server was away. */
  putGraceUntil(at: number): void;
  graceUntil(): number | null;
  /** Empties the storage; nothing is left that costs anything. */
  erase(): Promise<void>;
}

export type Outbox = { revision: number; pending: boolean };

export type SegmentKey = Pick<Segment, "firstSequence" | "lastSequence">;

/** The run's log in R2. Every call may be repeated. */
export interface Archive {
  /** Creates the segment once. `occupied` when something with other bytes lies there, of which `etag` says what it is. */
  putSegment(
    run: RunAddress,
    segment: SegmentKey,
    lines: string,
  ): Promise<StoredSegment | { kind: "occupied"; etag: string }>;
  /** The segment in place of what lies there, if that is still what `etag` says. */
  replaceSegment(
    run: RunAddress,
    segment: SegmentKey,
    lines: string,
    etag: string,
  ): Promise<StoredSegment | { kind: "changed" }>;
  /** Whole segment, or null when it is not there (deleted because the run was archived meanwhile). */
  readSegment(run: RunAddress, segment: SegmentKey): Promise<string | null>;
  /** Bytes `from..to` (exclusive) of the whole log, cut anywhere; null when there is no whole log. */
  readLog(run: RunAddress, from: number, to: number): Promise<string | null>;
  /** Whole segments, one request each; null for one that is not there. */
  readSegments(run: RunAddress, segments: readonly SegmentKey[]): Promise<(Uint8Array | null)[]>;
  /** The whole log in one put. */
  putLog(run: RunAddress, bytes: Uint8Array): Promise<void>;
  startUpload(run: RunAddress, file: UploadedFile): Promise<string>;
  /** Part `partNumber`, from 1. `gone` when the upload does not exist any more. */
  uploadPart(
    run: RunAddress,
    upload: Upload & { partNumber: number },
    bytes: Uint8Array,
  ): Promise<{ kind: "uploaded"; etag: string } | { kind: "gone" }>;
  completeUpload(
    run: RunAddress,
    upload: Upload & { parts: { partNumber: number; etag: string }[] },
  ): Promise<{ kind: "completed" } | { kind: "gone" }>;
  /** The parts of an upload that is not to be completed any more. */
  abortUpload(run: RunAddress, upload: Upload): Promise<void>;
  /** Size of the whole log, or null. */
  logBytes(run: RunAddress): Promise<number | null>;
  /** SHA-256 of the whole log as it is stored, read back; `take` gets its bytes as they come. */
  hashLog(run: RunAddress, take: (bytes: Uint8Array) => Promise<void>): Promise<string>;
  /** What is made of the whole log, in one put. */
  putBeside(run: RunAddress, file: "index" | "timeline", bytes: Uint8Array): Promise<void>;
  putManifest(run: RunAddress, manifest: string): Promise<void>;
  /** Null when the run is not archived, or not any more. */
  readManifest(run: RunAddress): Promise<Manifest | null>;
  deleteSegments(run: RunAddress, segments: readonly SegmentKey[]): Promise<void>;
  /** Takes the whole log away. */
  deleteLog(run: RunAddress): Promise<void>;
}
/** What may be too large for one put. */
export type UploadedFile = "log" | "timeline";
export type Upload = { file: UploadedFile; uploadId: string };
/** `sha256`: of its bytes. */
export type StoredSegment = { kind: "stored"; sha256: string };
export type RunAddress = { workspaceId: string; runId: string };

/** What D1 holds of a run. */
export type IndexedRun = {
  run: StoredRun;
  /** Grows with every change; a smaller one never overwrites a greater. */
  revision: number;
  summary: Summary | null;
  /** How many batches it has stored. */
  appends: number;
};

export type RunQuery = {
  workspaceId: string;
  statuses?: readonly WireRun["status"][];
  workflowId?: string;
  labels?: readonly { key: string; value: string }[];
  pinned?: boolean;
  stale?: boolean;
  /** Prefix of name or id, or words of the name. */
  q?: string;
  /** RFC 3339 bounds, exclusive. */
  createdAfter?: string;
  createdBefore?: string;
  maxValidationSeverity?: NonNullable<WireRun["max_validation_severity"]>;
  limit: number;
  cursor?: string;
};

/** Numbers over all runs of a workspace, as the index has them. */
export type RunStats = {
  counts: Record<WireRun["status"], number>;
  durationMs: { p50: number | null; p95: number | null };
  /** One number a day that was asked for. */
  perDay: number[];
  workflows: { workflowId: string; total: number; last: Pick<StoredRun, "run_id" | "status" | "created_at"> }[];
  /** The open ones, whose status may have moved on since. */
  open: { runId: string; status: WireRun["status"]; revision: number }[];
};

/** The list of runs. A projection of the objects: it can be late, never wrong about an ended run. */
export interface RunIndex {
  /** Does nothing when a newer revision is there, or the run was deleted. */
  upsert(row: IndexedRun): Promise<void>;
  get(runId: string): Promise<IndexedRun | null>;
  /**
   * Changes what people may change of a run that only the index still holds. False, and nothing done, when the row has another revision or is gone.
   */
  edit(runId: string, details: Details, revision: number): Promise<boolean>;
  /** Adds a path to those of a run that only the index still holds; once, and only while they stay within their limit. */
  addOutputPath(runId: string, path: string): Promise<void>;
  /** Says of a run that only the index still holds whether something of its log is damaged or gone. False when that was said already. [DMG2] */
  setIncomplete(runId: string, isIncomplete: boolean): Promise<boolean>;
  /** Newest first. `skipped` rows could not be decoded; their ids are in the server's log. */
  list(query: RunQuery): Promise<{ items: IndexedRun[]; nextCursor: string | null; skipped: number }>;
  /** `days`: dates like `2026-11-21`. */
  stats(workspaceId: string, days: readonly string[]): Promise<RunStats>;
  delete(runId: string): Promise<void>;
}

/** What a run weighs at the moment, and how many batches it has stored: for the operator's numbers, not for the list. */
export type RunLoad = { watchers: number; unflushedBytes: number; appends: number };

/** Tells the workspace's live list how a run stands. */
export interface WorkspaceFeed {
  publish(run: StoredRun, revision: number, load: RunLoad): Promise<void>;
}

/** One open watcher socket. Its state survives hibernation. */
export interface Watcher {
  readonly state: WatcherState;
  /** Stores the state; call after every change of it. */
  keep(state: WatcherState): void;
  send(frame: string): void;
  close(code: number, reason: string): void;
}

export interface Watchers {
  all(): readonly Watcher[];
}

/** One open produce socket. */
export interface ProducerSocket {
  /** `expiresAt`: when the caller's session ends, epoch ms; null: never. */
  readonly state: { id: string; epoch: number; expiresAt: number | null };
  /** When it was last heard, append or ping. */
  heardAt(): number;
  send(frame: string): void;
  close(code: number, reason: string): void;
}

export interface ProducerSockets {
  all(): readonly ProducerSocket[];
}

/** Everything that a run needs of the world. */
export type RunPorts = {
  log: EventLog;
  archive: Archive;
  index: RunIndex;
  feed: WorkspaceFeed;
  watchers: Watchers;
  producers: ProducerSockets;
  clock: Clock;
  timer: Timer;
  alarm: Alarm;
  sha256: Sha256;
  /** Signs a manifest; null where the instance has no secret. The same text gives the same signature. */
  sign: (text: string) => Promise<ManifestSignature | null>;
  /** One structured line in the server's log. */
  report: (event: string, facts: Record<string, unknown>) => void;
};
