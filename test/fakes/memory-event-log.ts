import type {
  ArchiveProgress,
  EventLog,
  HotBatch,
  LogWindow,
  Outbox,
  Segment,
  SegmentDamage,
  SegmentKey,
} from "../../core/ports.ts";
import type { Details } from "../../core/run/edits.ts";
import type { Checkpoint, RunIdentity } from "../../core/run/run-memory.ts";
import type { ProducerMark } from "../../core/run/sequencer.ts";

type Stored = {
  identity: RunIdentity | null;
  checkpoint: Checkpoint | null;
  archive: ArchiveProgress;
  segments: readonly Segment[];
  batches: readonly HotBatch[];
  emptyBatches: readonly ProducerMark[];
  outbox: Outbox;
  details: Details | null;
  lateArtifacts: readonly string[];
  isIncomplete: boolean;
  heardAt: number | null;
  graceUntil: number | null;
};

const nothing = (): Stored => ({
  identity: null,
  checkpoint: null,
  archive: { phase: "open" },
  segments: [],
  batches: [],
  emptyBatches: [],
  outbox: { revision: 0, pending: false },
  details: null,
  lateArtifacts: [],
  isIncomplete: false,
  heardAt: null,
  graceUntil: null,
});

/** The hot log of one run, in memory. What goes in and out is copied, as a database does; nothing but `putIdentity` makes it begin. */
export class MemoryEventLog implements EventLog {
  #stored = nothing();
  #isInTransaction = false;
  readonly #onErase: () => void;

  /** `onErase`: what goes with the storage. In an object that is its alarm. */
  constructor(onErase: () => void = () => {}) {
    this.#onErase = onErase;
  }

  load(): ReturnType<EventLog["load"]> {
    const { identity, checkpoint, segments, archive } = this.#stored;
    return identity === null ? null : structuredClone({ identity, checkpoint, segments: [...segments], archive });
  }

  transaction(write: () => void): void {
    if (this.#isInTransaction) throw new Error("a transaction within a transaction");
    // Every change below replaces what it changes, so keeping the old object is a whole snapshot.
    const before = this.#stored;
    this.#isInTransaction = true;
    try {
      write();
    } catch (error) {
      this.#stored = before;
      throw error;
    } finally {
      this.#isInTransaction = false;
    }
  }

  putIdentity(identity: RunIdentity): void {
    this.#stored = { ...this.#stored, identity: structuredClone(identity) };
  }

  putCheckpoint(checkpoint: Checkpoint): void {
    this.#change({ checkpoint: structuredClone(checkpoint) });
  }

  putSegment(segment: Segment): void {
    const others = this.#stored.segments.filter(({ firstSequence }) => firstSequence !== segment.firstSequence);
    this.#change({ segments: [...others, { ...segment }].sort((a, b) => a.firstSequence - b.firstSequence) });
  }

  putDamage({ firstSequence }: SegmentKey, found: SegmentDamage | null): void {
    const segments = this.#stored.segments.map((segment) => {
      if (segment.firstSequence !== firstSequence) return segment;
      const { damage: _, ...sound } = segment;
      return found === null ? sound : { ...sound, damage: structuredClone(found) };
    });
    this.#change({ segments });
  }

  putIncomplete(isIncomplete: boolean): void {
    this.#change({ isIncomplete });
  }

  isIncomplete(): boolean {
    return this.#stored.isIncomplete;
  }

  putArchive(archive: ArchiveProgress): void {
    this.#change({ archive: structuredClone(archive) });
  }

  append(batch: HotBatch): void {
    const last = this.#stored.batches.at(-1);
    if (last !== undefined && last.lastSequence >= batch.firstSequence)
      throw new Error(`row ${batch.firstSequence} is taken`);
    this.#change({ batches: [...this.#stored.batches, structuredClone(batch)] });
  }

  appendEmpty(mark: ProducerMark): void {
    this.#change({ emptyBatches: [...this.#stored.emptyBatches, { ...mark }] });
  }

  *batchesAfter(sequence: number): Iterable<HotBatch> {
    for (const batch of this.#stored.batches) if (batch.lastSequence > sequence) yield structuredClone(batch);
  }

  emptyBatches(): Iterable<ProducerMark> {
    return structuredClone(this.#stored.emptyBatches);
  }

  windowAfter(sequence: number, maxBytes: number): LogWindow | null {
    const rows: HotBatch[] = [];
    let bytes = 0;
    for (const batch of this.batchesAfter(sequence)) {
      rows.push(batch);
      bytes += batch.bytes;
      if (bytes >= maxBytes) break;
    }
    const first = rows[0];
    const last = rows.at(-1);
    if (first === undefined || last === undefined) return null;
    return {
      firstSequence: first.firstSequence,
      lastSequence: last.lastSequence,
      lines: rows.map(({ lines }) => lines).join(""),
    };
  }

  *rowsAfter(sequence: number): ReturnType<EventLog["rowsAfter"]> & Generator {
    for (const { firstSequence, lastSequence, bytes, receivedAt, fromProducer } of this.#stored.batches) {
      if (firstSequence > sequence) yield { firstSequence, lastSequence, bytes, receivedAt, fromProducer };
    }
  }

  dropThrough(sequence: number): void {
    const batches = this.#stored.batches.filter(({ lastSequence }) => lastSequence > sequence);
    this.#change({ batches, emptyBatches: [] });
  }

  putOutbox(outbox: Outbox): void {
    this.#change({ outbox: { ...outbox } });
  }

  outbox(): Outbox {
    return { ...this.#stored.outbox };
  }

  putDetails(details: Details): void {
    this.#change({ details: structuredClone(details) });
  }

  details(): Details | null {
    return structuredClone(this.#stored.details);
  }

  putLateArtifacts(names: readonly string[]): void {
    this.#change({ lateArtifacts: [...names] });
  }

  lateArtifacts(): string[] {
    return [...this.#stored.lateArtifacts];
  }

  putHeardAt(heardAt: number): void {
    this.#change({ heardAt });
  }

  heardAt(): number | null {
    return this.#stored.heardAt;
  }

  putGraceUntil(graceUntil: number): void {
    this.#change({ graceUntil });
  }

  graceUntil(): number | null {
    return this.#stored.graceUntil;
  }

  erase(): Promise<void> {
    this.#stored = nothing();
    this.#onErase();
    return Promise.resolve();
  }

  /** Whether nothing is left that would cost anything. */
  isEmpty(): boolean {
    return JSON.stringify(this.#stored) === JSON.stringify(nothing());
  }

  /** There are no tables before there is a run. */
  #change(change: Partial<Stored>): void {
    if (this.#stored.identity === null) throw new Error("no run is stored here");
    this.#stored = { ...this.#stored, ...change };
  }
}
