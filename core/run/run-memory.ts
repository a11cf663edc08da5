import type { RunEvent } from "../../protocol/event.ts";
import { foldRunState, newRunState, type RunState } from "../../protocol/run-state.ts";
import { foldSummary, newSummary, runCounts, type Summary } from "../../protocol/summary.ts";
import { parseLine, splitLines, utf8Length } from "../../protocol/ndjson.ts";
import type { ArchiveProgress, EventLog, Outbox, Segment, StoredRun } from "../ports.ts";
import { artifactNames, pathsThatFit } from "./artifacts.ts";
import { detailsOf, type Details } from "./edits.ts";
import { noteReceipt, type AheadLines } from "./receipts.ts";
import { newHash, type HashState } from "../../protocol/running-hash.ts";
import { remember, type ProducerMark, type Producers } from "./sequencer.ts";

/** What a run is told once, and what its folds do not keep. */
export type RunIdentity = {
  runId: string;
  workspaceId: string;
  createdAt: number;
  /** JSON text, as in `run.queued`: the digits of its numbers would not survive a fold. */
  parameters: string;
  leaseMs: number | null;
  endAfterMs: number;
};

/** The folds up to `sequence`: what a run would otherwise read its whole log for. Written with every stored segment. */
export type Checkpoint = {
  sequence: number;
  state: RunState;
  summary: Summary;
  producers: Producers;
  lostAt: number | null;
  cancelRequestedAt: number | null;
  heardAt: number | null;
  /** Batches of producers, those without lines left out. Not known of runs begun before they were counted. */
  appends?: number;
  /** Lines whose time is later than their receipt, which goes with their rows. Not known of runs begun before it was kept. */
  ahead?: AheadLines[];
  /** The running hash, not up to `sequence` but to the end of the last stored segment. Not known of runs begun before it was kept. */
  hashed?: HashState | null;
};

/**
 * Everything the object keeps in memory of its run. All of it comes from the log: after an eviction `recall` builds the same again. [RUN2]
 */
export type RunMemory = {
  identity: RunIdentity;
  state: RunState;
  summary: Summary;
  producers: Producers;
  /** Batches of producers whose lines are stored. [IDX4] */
  appends: number;
  segments: Segment[];
  archive: ArchiveProgress;
  outbox: Outbox;
  /** Name, labels and pin since they were first edited; null: as the run was made. */
  edited: Details | null;
  /** Names of artifacts that came after the end, which the log cannot tell any more. */
  lateArtifacts: string[];
  hotBytes: number;
  oldestHotAt: number | null;
  /** When the producer was last heard by append or heartbeat; null: never yet. */
  heardAt: number | null;
  /** Before this no deadline of the producer's counts. */
  graceUntil: number;
  lostAt: number | null;
  cancelRequestedAt: number | null;
  ahead: AheadLines[];
  /** The running hash of all lines that are in stored segments; null when it is not known. [HASH1] */
  hashed: HashState | null;
  /** Something of what was stored is known to be damaged or gone. [DMG2] */
  isIncomplete: boolean;
  /** Of all lines, once somebody asked after the end. */
  sha256: string | null;
};

/** The run as its storage tells it, or null when this object holds none. */
export function recall(log: EventLog): RunMemory | null {
  const stored = log.load();
  if (stored === null) return null;
  const { identity, checkpoint, segments, archive } = stored;
  const memory: RunMemory = {
    identity,
    state: checkpoint?.state ?? newRunState(),
    summary: checkpoint?.summary ?? newSummary(),
    producers: checkpoint?.producers ?? {},
    appends: checkpoint?.appends ?? 0,
    segments,
    archive,
    outbox: log.outbox(),
    edited: log.details(),
    lateArtifacts: log.lateArtifacts(),
    hotBytes: 0,
    oldestHotAt: null,
    heardAt: laterOf(checkpoint?.heardAt ?? null, log.heardAt()),
    graceUntil: log.graceUntil() ?? 0,
    lostAt: checkpoint?.lostAt ?? null,
    cancelRequestedAt: checkpoint?.cancelRequestedAt ?? null,
    ahead: checkpoint?.ahead ?? [],
    hashed: checkpoint === null ? newHash() : (checkpoint.hashed ?? null),
    isIncomplete: log.isIncomplete(),
    sha256: null,
  };
  const marks: ProducerMark[] = [...log.emptyBatches()];
  for (const batch of log.batchesAfter(checkpoint?.sequence ?? 0)) {
    const receivedAt = new Date(batch.receivedAt).toISOString();
    for (const line of splitLines(batch.lines)) foldLine(memory, line, receivedAt);
    if (batch.mark !== null) marks.push(batch.mark);
    if (batch.fromProducer) memory.appends += 1;
  }
  // Rows and empty batches are kept apart; a producer's own numbers say their order.
  marks.sort((a, b) => a.epoch - b.epoch || a.sequence - b.sequence);
  for (const mark of marks) {
    const known = Object.hasOwn(memory.producers, mark.id) ? memory.producers[mark.id] : undefined;
    const isNews =
      known === undefined || mark.epoch > known.epoch || (mark.epoch === known.epoch && mark.sequence > known.last);
    if (isNews) remember(memory.producers, mark);
  }
  for (const row of log.rowsAfter(storedThrough(memory))) {
    memory.hotBytes += row.bytes;
    memory.oldestHotAt ??= row.receivedAt;
    if (row.fromProducer) memory.heardAt = laterOf(memory.heardAt, row.receivedAt);
  }
  return memory;
}

/** A run that has just been made, before its first line. */
export const newMemory = (identity: RunIdentity): RunMemory => ({
  identity,
  state: newRunState(),
  summary: newSummary(),
  producers: {},
  appends: 0,
  segments: [],
  archive: { phase: "open" },
  outbox: { revision: 0, pending: true },
  edited: null,
  lateArtifacts: [],
  hotBytes: 0,
  oldestHotAt: null,
  heardAt: null,
  graceUntil: 0,
  lostAt: null,
  cancelRequestedAt: null,
  ahead: [],
  hashed: newHash(),
  isIncomplete: false,
  sha256: null,
});

export const laterOf = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b);

/** Folds one line, without its newline, into what is known of the run. Memory first: the caller stores the line in the same turn. */
export function foldLine(memory: RunMemory, line: string, receivedAt: string): void {
  foldSummary(memory.summary, foldStateLine(memory, line, receivedAt));
}

/** The same without the summary, which a `run.completed` already holds. */
export function foldStateLine(memory: RunMemory, line: string, receivedAt: string): RunEvent {
  const event = parseLine(line);
  // Lines reach the log through this object alone; one that does not parse means the storage is damaged.
  if (event === null)
    throw new Error(`the stored log holds a line that does not parse after ${memory.state.last_sequence}`);
  foldRunState(memory.state, event, utf8Length(line) + 1);
  noteReceipt(memory.ahead, event.sequence, event.created_at, receivedAt);
  if (event.type === "producer.lost") memory.lostAt = Date.parse(event.created_at);
  if (event.type === "producer.returned") memory.lostAt = null;
  if (event.type === "control.requested" && event.payload["action"] === "cancel") {
    memory.cancelRequestedAt ??= Date.parse(event.created_at);
  }
  return event;
}

export const checkpointOf = (memory: RunMemory): Checkpoint => ({
  sequence: memory.state.last_sequence,
  state: memory.state,
  summary: memory.summary,
  producers: memory.producers,
  appends: memory.appends,
  lostAt: memory.lostAt,
  cancelRequestedAt: memory.cancelRequestedAt,
  // The rows that tell it leave with their segment; without it an eviction would end a lease too early. [LEASE1]
  heardAt: memory.heardAt,
  ahead: memory.ahead,
  hashed: memory.hashed,
});

/** The last sequence that is known to be in R2: only the last segment can still be on its way. */
export function storedThrough(memory: Pick<RunMemory, "segments">): number {
  const last = memory.segments.at(-1);
  const stored = last === undefined || last.sha256 !== null ? last : memory.segments.at(-2);
  return stored?.lastSequence ?? 0;
}

/** Name, labels and pin as they are now: what was edited last stands over what the log says. [EDIT1] */
export const detailsNow = ({ state, edited }: RunMemory): Details =>
  edited ?? detailsOf({ name: state.name, labels: state.labels, pinned: false });

/** The run as the API returns it, but for its watch address. */
export function storedRun(memory: RunMemory): StoredRun {
  const { identity, state, summary } = memory;
  const { name, labels, pinned } = detailsNow(memory);
  return {
    run_id: identity.runId,
    workspace_id: identity.workspaceId,
    workflow_id: state.workflow_id,
    workflow_version: state.workflow_version,
    name,
    status: state.status,
    parameters: identity.parameters,
    labels,
    pinned,
    created_at: new Date(identity.createdAt).toISOString(),
    started_at: state.started_at,
    completed_at: state.completed_at,
    duration_ms: state.duration_ms,
    progress: state.progress,
    exit_code: state.exit_code,
    failure: state.failure,
    last_sequence: state.last_sequence,
    event_bytes: state.event_bytes,
    events_path: state.events_path,
    output_paths: pathsThatFit(identity, artifactNames(memory)),
    logging_degraded: state.degraded.length > 0,
    incomplete: memory.isIncomplete,
    stale: memory.lostAt !== null && state.completed_at === null,
    ...runCounts(summary),
  };
}
