import type { LogPart } from "../../protocol/run-state.ts";
import { isTerminal } from "../../protocol/event.ts";
import type { Clock, EventLog, RunPorts, Segment, SegmentDamage } from "../ports.ts";
import type { Details } from "./edits.ts";
import { LineWriter, linesToRows, type WrittenLine } from "./line-writer.ts";
import { newMemory, recall, type RunIdentity, type RunMemory } from "./run-memory.ts";
import { remember, type ProducerMark } from "./sequencer.ts";

/** Heartbeats closer together than this are one row. */
const HEARD_EVERY_MS = 1_000;

export type LogKeeperHost = {
  /** The run was read from its storage: whatever was under way before goes on from here. */
  recalled(): void;
  /** Lines are stored; only now may anybody see them. */
  written(lines: readonly WrittenLine[]): void;
};

/** What a run knows of itself, and the one way by which that and its log change together. [RUN1] [RUN2] */
export class LogKeeper {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #host: LogKeeperHost;
  readonly #report: RunPorts["report"];
  #memory: RunMemory | null = null;

  constructor(ports: Pick<RunPorts, "log" | "clock" | "report">, host: LogKeeperHost) {
    this.#log = ports.log;
    this.#clock = ports.clock;
    this.#host = host;
    this.#report = ports.report;
  }

  /** The run as it is, or null when this object holds none. */
  memory(): RunMemory | null {
    if (this.#memory === null) {
      this.#memory = recall(this.#log);
      if (this.#memory !== null) this.#host.recalled();
    }
    return this.#memory;
  }

  /** The storage has changed or gone: what was known is worth nothing. */
  forget(): void {
    this.#memory = null;
  }

  /** Makes a run. It is stored in one transaction with its first line: a run that is known always has it. */
  begin(identity: RunIdentity, compose: (writer: LineWriter) => void): RunMemory {
    const memory = newMemory(identity);
    this.#memory = memory;
    this.write(memory, (writer) => {
      this.#log.putIdentity(identity);
      compose(writer);
    });
    return memory;
  }

  /** Stores what `compose` writes, all or nothing. `producerMark`, when given, says that it is a producer's batch, and which. */
  write(memory: RunMemory, compose: (writer: LineWriter) => void, producerMark?: () => ProducerMark | null): void {
    const now = this.#clock.now();
    const before = shownOf(memory);
    const writer = new LineWriter(memory, now);
    const fromProducer = producerMark !== undefined;
    try {
      this.#log.transaction(() => {
        compose(writer);
        const mark = producerMark?.() ?? null;
        const rows = linesToRows(writer.lines, { receivedAt: now, fromProducer, mark });
        for (const row of rows) this.#log.append(row);
        if (mark !== null && rows.length === 0) this.#log.appendEmpty(mark);
        if (fromProducer && rows.length === 0) this.#log.putHeardAt(now);
        if (shownOf(memory) !== before) {
          // D1 is a projection: that it is due is stored with the change itself. [IDX1]
          memory.outbox = { revision: memory.outbox.revision + 1, pending: true };
          this.#log.putOutbox(memory.outbox);
        }
        if (mark !== null) remember(memory.producers, mark);
      });
    } catch (error) {
      // The folds ran ahead of a transaction that is undone: only the log knows now how the run stands. [RUN1]
      this.#memory = null;
      throw error;
    }
    memory.hotBytes += writer.lines.reduce((sum, line) => sum + line.bytes, 0);
    if (writer.lines.length > 0) memory.oldestHotAt ??= now;
    if (fromProducer) memory.heardAt = now;
    // As a recall counts the rows of it. [IDX4]
    if (fromProducer && writer.lines.length > 0) memory.appends += 1;
    // Persist first: a watcher must never see a line that an eviction could still lose. [FAN1]
    this.#host.written(writer.lines);
  }

  /** Keeps what was edited. The index is due with it, in one transaction. [EDIT1] */
  edit(memory: RunMemory, details: Details): void {
    this.write(memory, () => {
      memory.edited = details;
      this.#log.putDetails(details);
    });
  }

  /** An artifact that came after the end, kept beside the log. [OUT2] */
  keepLateArtifact(memory: RunMemory, name: string): void {
    this.write(memory, () => {
      memory.lateArtifacts = [...memory.lateArtifacts, name];
      this.#log.putLateArtifacts(memory.lateArtifacts);
    });
  }

  /** What became of the stored lines, as it was found just now: `damage` of a segment, null when that is sound. [DMG1] [DMG2] */
  damaged(memory: RunMemory, isIncomplete: boolean, found?: { segment: Segment; damage: SegmentDamage | null }): void {
    this.write(memory, () => {
      memory.isIncomplete = isIncomplete;
      this.#log.putIncomplete(isIncomplete);
      if (found === undefined) return;
      if (found.damage === null) delete found.segment.damage;
      else found.segment.damage = found.damage;
      this.#log.putDamage(found.segment, found.damage);
    });
  }

  /** Somebody read the stored lines, and found something damaged or gone, or all of it right. [DMG2] */
  judged(memory: RunMemory, isIncomplete: boolean): void {
    if (memory.isIncomplete !== isIncomplete) this.damaged(memory, isIncomplete);
  }

  /** The producer gave a sign of life. Written down at once: an eviction must not end a lease early. [LEASE1] */
  heard(memory: RunMemory, at = this.#clock.now()): void {
    if (isTerminal(memory.state.status)) return;
    memory.heardAt = Math.max(memory.heardAt ?? 0, at);
    if (memory.heardAt - (this.#log.heardAt() ?? 0) >= HEARD_EVERY_MS) this.#log.putHeardAt(memory.heardAt);
    if (memory.lostAt !== null && at >= memory.lostAt) this.returned(memory);
  }

  /** Until then no deadline of the producer's counts. [LEASE2] */
  grant(memory: RunMemory, until: number): void {
    memory.graceUntil = until;
    this.#log.putGraceUntil(until);
  }

  /** A lost producer is back. */
  returned(memory: RunMemory): void {
    this.write(memory, (writer) => writeReturned(memory, writer));
  }

  /** R2 or D1 refuses what it is given: told in the log of an open run. After the end nothing may follow `run.completed`. [IDX2] */
  degraded(part: LogPart): void {
    const memory = this.memory();
    if (memory !== null && !memory.state.degraded.includes(part)) this.#tell(memory, "log.degraded", part);
  }

  recovered(part: LogPart): void {
    const memory = this.memory();
    if (memory !== null && memory.state.degraded.includes(part)) this.#tell(memory, "log.recovered", part);
  }

  #tell(memory: RunMemory, type: "log.degraded" | "log.recovered", part: LogPart): void {
    if (isTerminal(memory.state.status)) return;
    const since = new Date(this.#clock.now()).toISOString();
    this.write(memory, (writer) => writer.writeServerEvent(type, null, { part, since }));
    this.#report(type === "log.degraded" ? "degraded" : "restored", {
      workspace_id: memory.identity.workspaceId,
      part,
    });
  }
}

export function writeReturned(memory: RunMemory, writer: LineWriter): void {
  if (memory.lostAt === null) return;
  const since = new Date(memory.lostAt).toISOString();
  writer.writeServerEvent("producer.returned", null, { last_sequence: memory.state.last_sequence, since });
}

/** What of a run the index and the lists show at once when it changes. */
const shownOf = ({ state, summary, lostAt, edited, lateArtifacts, isIncomplete }: RunMemory): string =>
  // The severity only rises: three more rows at most, and an open run is found by it. [IDX3]
  JSON.stringify([
    state.last_sequence > 0,
    state.status,
    state.degraded,
    lostAt,
    edited,
    lateArtifacts.length,
    isIncomplete,
    summary.issues.max_severity,
  ]);
