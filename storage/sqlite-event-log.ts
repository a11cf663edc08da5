import type {
  ArchiveProgress,
  EventLog,
  HotBatch,
  LogWindow,
  Outbox,
  Segment,
  SegmentDamage,
  SegmentKey,
} from "../core/ports.ts";
import type { Details } from "../core/run/edits.ts";
import type { Checkpoint, RunIdentity } from "../core/run/run-memory.ts";
import type { ProducerMark } from "../core/run/sequencer.ts";
import { cutText } from "../protocol/ndjson.ts";

/**
 * The hot log of one run in the SQLite of its object. One row per batch, whose producer mark stands in the same row, so that an append costs
 * one row; every other table changes with segments, not with appends. Tables are made with the first run: an object that is only asked
 * about leaves nothing behind.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS batches (
  first_sequence INTEGER PRIMARY KEY,
  last_sequence INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  lines TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  from_producer INTEGER NOT NULL,
  mark TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS empty_batches (
  producer_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (producer_id, epoch, number)
) STRICT;
CREATE TABLE IF NOT EXISTS segments (
  first_sequence INTEGER PRIMARY KEY,
  last_sequence INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT,
  latest_at TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS facts (
  name TEXT NOT NULL,
  part INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (name, part)
) STRICT;
`;

/** A value of SQLite ends at 2 MB of UTF-8; a fact is cut well below, at most three bytes a character. */
const FACT_PART_CHARS = 500_000;

/** By the segment's first sequence. */
type DamageBySegment = Record<number, SegmentDamage>;

type SegmentRow = Record<"first_sequence" | "last_sequence" | "bytes", number> &
  Record<"sha256" | "latest_at", string | null>;

type BatchRow = {
  first_sequence: number;
  last_sequence: number;
  bytes: number;
  lines: string;
  received_at: number;
  from_producer: number;
  mark: string | null;
};

export class SqliteEventLog implements EventLog {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  load(): {
    identity: RunIdentity;
    checkpoint: Checkpoint | null;
    segments: Segment[];
    archive: ArchiveProgress;
  } | null {
    // An object that is only asked about gets no tables. [LOG1]
    const known = this.#sql<{ sql: string }>("SELECT sql FROM sqlite_master WHERE name = 'segments'").toArray();
    if (known[0] === undefined) return null;
    // Made before the time of segments was kept.
    if (!known[0].sql.includes("latest_at")) this.#sql("ALTER TABLE segments ADD COLUMN latest_at TEXT");
    const identity = this.#fact<RunIdentity>("identity");
    if (identity === null) return null;
    const segments = this.#sql<SegmentRow>(
      "SELECT first_sequence, last_sequence, bytes, sha256, latest_at FROM segments ORDER BY first_sequence",
    );
    const damaged = this.#fact<DamageBySegment>("damage") ?? {};
    return {
      identity,
      checkpoint: this.#fact<Checkpoint>("checkpoint"),
      segments: segments.toArray().map((row) => {
        const damage = damaged[row.first_sequence];
        return {
          firstSequence: row.first_sequence,
          lastSequence: row.last_sequence,
          bytes: row.bytes,
          sha256: row.sha256,
          ...(row.latest_at === null ? {} : { latestAt: row.latest_at }),
          ...(damage === undefined ? {} : { damage }),
        };
      }),
      archive: this.#fact<ArchiveProgress>("archive") ?? { phase: "open" },
    };
  }

  transaction(write: () => void): void {
    // Throwing is what rolls it back. [LOG3]
    this.#storage.transactionSync(write);
  }

  putIdentity(identity: RunIdentity): void {
    this.#sql(SCHEMA);
    this.#putFact("identity", identity);
  }

  putCheckpoint(checkpoint: Checkpoint): void {
    this.#putFact("checkpoint", checkpoint);
  }

  putSegment(segment: Segment): void {
    this.#sql(
      "INSERT INTO segments (first_sequence, last_sequence, bytes, sha256, latest_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (first_sequence) DO UPDATE SET sha256 = excluded.sha256, latest_at = excluded.latest_at",
      segment.firstSequence,
      segment.lastSequence,
      segment.bytes,
      segment.sha256,
      segment.latestAt ?? null,
    );
  }

  putDamage(segment: SegmentKey, damage: SegmentDamage | null): void {
    const { [segment.firstSequence]: _, ...others } = this.#fact<DamageBySegment>("damage") ?? {};
    this.#putFact("damage", damage === null ? others : { ...others, [segment.firstSequence]: damage });
  }

  putIncomplete(isIncomplete: boolean): void {
    this.#putFact("incomplete", isIncomplete);
  }

  isIncomplete(): boolean {
    return this.#fact<boolean>("incomplete") ?? false;
  }

  putArchive(archive: ArchiveProgress): void {
    this.#putFact("archive", archive);
  }

  append(batch: HotBatch): void {
    this.#sql(
      "INSERT INTO batches (first_sequence, last_sequence, bytes, lines, received_at, from_producer, mark) VALUES (?, ?, ?, ?, ?, ?, ?)",
      batch.firstSequence,
      batch.lastSequence,
      batch.bytes,
      batch.lines,
      batch.receivedAt,
      batch.fromProducer ? 1 : 0,
      batch.mark === null ? null : JSON.stringify(batch.mark),
    );
  }

  appendEmpty(mark: ProducerMark): void {
    this.#sql(
      "INSERT OR IGNORE INTO empty_batches (producer_id, epoch, number) VALUES (?, ?, ?)",
      mark.id,
      mark.epoch,
      mark.sequence,
    );
  }

  *batchesAfter(sequence: number): Iterable<HotBatch> {
    const rows = this.#sql<BatchRow>(
      "SELECT first_sequence, last_sequence, bytes, lines, received_at, from_producer, mark FROM batches WHERE first_sequence >= ? ORDER BY first_sequence",
      this.#rowStart(sequence),
    );
    for (const row of rows) {
      if (row.last_sequence <= sequence) continue;
      yield {
        firstSequence: row.first_sequence,
        lastSequence: row.last_sequence,
        bytes: row.bytes,
        lines: row.lines,
        receivedAt: row.received_at,
        fromProducer: row.from_producer === 1,
        // Written by `append` above, from the same type.
        mark: row.mark === null ? null : (JSON.parse(row.mark) as ProducerMark),
      };
    }
  }

  emptyBatches(): Iterable<ProducerMark> {
    const rows = this.#sql<{ producer_id: string; epoch: number; number: number }>(
      "SELECT producer_id, epoch, number FROM empty_batches ORDER BY producer_id, epoch, number",
    );
    return rows.toArray().map((row) => ({
      id: row.producer_id,
      epoch: row.epoch,
      sequence: row.number,
      firstSequence: null,
      lastSequence: null,
      accepted: 0,
    }));
  }

  windowAfter(sequence: number, maxBytes: number): LogWindow | null {
    let window: LogWindow | null = null;
    let bytes = 0;
    for (const row of this.batchesAfter(sequence)) {
      if (window === null) {
        window = { firstSequence: row.firstSequence, lastSequence: row.lastSequence, lines: row.lines };
      } else {
        window.lastSequence = row.lastSequence;
        window.lines += row.lines;
      }
      bytes += row.bytes;
      if (bytes >= maxBytes) break;
    }
    return window;
  }

  *rowsAfter(
    sequence: number,
  ): Iterable<Pick<HotBatch, "firstSequence" | "lastSequence" | "bytes" | "receivedAt" | "fromProducer">> {
    const rows = this.#sql<Omit<BatchRow, "lines" | "mark">>(
      "SELECT first_sequence, last_sequence, bytes, received_at, from_producer FROM batches WHERE first_sequence > ? ORDER BY first_sequence",
      sequence,
    );
    for (const row of rows) {
      yield {
        firstSequence: row.first_sequence,
        lastSequence: row.last_sequence,
        bytes: row.bytes,
        receivedAt: row.received_at,
        fromProducer: row.from_producer === 1,
      };
    }
  }

  dropThrough(sequence: number): void {
    // Segments end where rows do, so no row is dropped that holds a line after `sequence`. [LOG4]
    this.#sql("DELETE FROM batches WHERE first_sequence <= ?", sequence);
    this.#sql("DELETE FROM empty_batches");
  }

  putOutbox(outbox: Outbox): void {
    this.#putFact("outbox", outbox);
  }

  outbox(): Outbox {
    return this.#fact<Outbox>("outbox") ?? { revision: 0, pending: false };
  }

  putDetails(details: Details): void {
    this.#putFact("details", details);
  }

  details(): Details | null {
    return this.#fact<Details>("details");
  }

  putLateArtifacts(names: readonly string[]): void {
    this.#putFact("late_artifacts", names);
  }

  lateArtifacts(): string[] {
    return this.#fact<string[]>("late_artifacts") ?? [];
  }

  putHeardAt(at: number): void {
    this.#putFact("heard_at", at);
  }

  heardAt(): number | null {
    return this.#fact<number>("heard_at");
  }

  putGraceUntil(at: number): void {
    this.#putFact("grace_until", at);
  }

  graceUntil(): number | null {
    return this.#fact<number>("grace_until");
  }

  async erase(): Promise<void> {
    // Leaves an object without tables: nothing that costs. [LOG5] Sockets stay; the alarm goes with the storage (compat ≥ 2026-02-24).
    await this.#storage.deleteAll();
  }

  /** The first row that can hold `sequence + 1`: rows know only where they begin. [LOG2] */
  #rowStart(sequence: number): number {
    const row = this.#sql<{ first: number | null }>(
      "SELECT max(first_sequence) AS first FROM batches WHERE first_sequence <= ?",
      sequence + 1,
    ).one();
    return row.first ?? 0;
  }

  /** Facts are written by this class alone, each name always with the same type. */
  #fact<T>(name: string): T | null {
    const parts = this.#sql<{ value: string }>("SELECT value FROM facts WHERE name = ? ORDER BY part", name).toArray();
    return parts.length === 0 ? null : (JSON.parse(parts.map((part) => part.value).join("")) as T);
  }

  #putFact(
    name: string,
    fact:
      | RunIdentity
      | Checkpoint
      | ArchiveProgress
      | DamageBySegment
      | Outbox
      | Details
      | readonly string[]
      | number
      | boolean,
  ): void {
    let rest = JSON.stringify(fact);
    let part = 0;
    for (; part === 0 || rest !== ""; part += 1) {
      // Never inside a character: each half would be stored as U+FFFD.
      const value = cutText(rest, FACT_PART_CHARS);
      rest = rest.slice(value.length);
      this.#sql(
        "INSERT INTO facts (name, part, value) VALUES (?, ?, ?) ON CONFLICT (name, part) DO UPDATE SET value = excluded.value",
        name,
        part,
        value,
      );
    }
    // A longer value may have stood here.
    this.#sql("DELETE FROM facts WHERE name = ? AND part >= ?", name, part);
  }

  #sql<Row extends Record<string, SqlStorageValue> = Record<string, SqlStorageValue>>(
    query: string,
    ...bindings: SqlStorageValue[]
  ): SqlStorageCursor<Row> {
    return this.#storage.sql.exec<Row>(query, ...bindings);
  }
}
