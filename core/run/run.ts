import type { Refusal } from "../../protocol/error-code.ts";
import { isTerminal, type TerminalStatus } from "../../protocol/event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { summaryForEmbedding } from "../../protocol/summary.ts";
import type { Completion } from "../../protocol/append.ts";
import type {
  Alarm,
  Archive,
  Clock,
  EventLog,
  ProducerSockets,
  RunIndex,
  Timer,
  Watcher,
  Watchers,
  WorkspaceFeed,
} from "../ports.ts";
import { abandonedAt, backoffMs, cancelEndsAt, earliestDue, LATE_ALARM_MS, leaseEndsAt, type DueFacts } from "./alarm-plan.ts";
import { Archiver } from "./archiver.ts";
import type {
  AppendOutcome,
  AppendRequest,
  CancelCommand,
  CancelOutcome,
  CreateCommand,
  CreateOutcome,
  DescribeOutcome,
  EraseOutcome,
  HeartbeatOutcome,
  SummaryOutcome,
  TailOutcome,
} from "./commands.ts";
import { FanOut } from "./fan-out.ts";
import { silentUntil } from "./flow-control.ts";
import { IndexOutbox } from "./index-outbox.ts";
import { decideCancel, planBatch } from "./lifecycle.ts";
import { LineWriter, linesToRows } from "./line-writer.ts";
import { LogSource } from "./log-source.ts";
import type { Sha256 } from "./manifest.ts";
import { Presence } from "./presence.ts";
import { newMemory, recall, storedRun, storedThrough, type RunMemory } from "./run-memory.ts";
import { admit, expectedSequence, remember, type ProducerMark, type ProducerNumber } from "./sequencer.ts";

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
  /** One structured line in the server's log. */
  report: (event: string, facts: Record<string, unknown>) => void;
};

/** One read of the hot log for an HTTP reader. */
const TAIL_BYTES = 1024 * 1024;
/** An alarm stays so long with D1 and R2 before it looks at what else is due. */
const WAKE_MS = 10_000;
/** Heartbeats closer together than this are one row. */
const HEARD_EVERY_MS = 1_000;

/**
 * One run: its use cases in order, over ports. It keeps nothing that the log does not hold: another `Run` over the same ports goes on
 * where this one was evicted. [RUN2]
 */
export class Run {
  readonly #ports: RunPorts;
  readonly #fanOut: FanOut;
  readonly #archiver: Archiver;
  readonly #outbox: IndexOutbox;
  readonly #source: LogSource;
  readonly #presence: Presence;
  #memory: RunMemory | null = null;
  #alarmAt: number | null | undefined = undefined;
  #wakeFailures = 0;

  constructor(ports: RunPorts) {
    this.#ports = ports;
    this.#source = new LogSource(ports.log, ports.archive);
    this.#presence = new Presence(ports.watchers, ports.timer);
    this.#outbox = new IndexOutbox(ports, () => this.#recalled(), {
      degraded: (error) => this.#degraded("index", error),
      recovered: () => this.#recovered("index"),
    });
    this.#fanOut = new FanOut(ports, {
      head: () => this.#head(),
      windowAfter: (sequence) => {
        const memory = this.#recalled();
        return memory === null ? null : this.#source.windowAfter(memory, sequence);
      },
      waitingChanged: () => this.#armAlarm(),
      failed: (error) => ports.report("watcher_not_served", { error: String(error) }),
    });
    this.#archiver = new Archiver(ports, {
      memory: () => this.#recalled(),
      watchersBehind: () => ports.watchers.all().some((watcher) => !watcher.state.ended),
      indexPending: () => this.#recalled()?.outbox.pending ?? false,
      writeIndex: () => this.#outbox.write(),
      degraded: (error) => this.#degraded("archive", error),
      recovered: () => this.#recovered("archive"),
      emptied: () => {
        this.#memory = null;
        this.#alarmAt = null;
      },
    });
  }

  /** Writes `run.queued`, sequence 1. The same run again is answered as it is. */
  create(command: CreateCommand): CreateOutcome {
    const known = this.#recalled();
    if (known !== null) return { kind: "created", run: storedRun(known) };
    const { log, clock } = this.#ports;
    const { body } = command;
    const memory = newMemory({
      runId: command.runId,
      workspaceId: command.workspaceId,
      createdAt: clock.now(),
      leaseMs: body.lease_seconds === undefined ? null : body.lease_seconds * 1000,
      endAfterMs: (body.end_after_seconds ?? 0) * 1000,
    });
    this.#memory = memory;
    this.#write(memory, (writer) => {
      // In one transaction with the first line: a run that is known always has it.
      log.putIdentity(memory.identity);
      writer.writeServerEvent("run.queued", memory.identity.createdAt, {
        ...(body.workflow_id === undefined ? {} : { workflow_id: body.workflow_id }),
        ...(body.workflow_version === undefined ? {} : { workflow_version: body.workflow_version }),
        ...(body.name === undefined ? {} : { name: body.name }),
        parameters: body.parameters ?? {},
        queued_by: command.queuedBy,
        ...(body.lease_seconds === undefined ? {} : { lease_seconds: body.lease_seconds }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
      });
    });
    return { kind: "created", run: storedRun(memory) };
  }

  /** Stores a batch whole or not at all. What it answers with is durable when the answer leaves the object. [SEQ1] [SEQ2] */
  append(request: AppendRequest): AppendOutcome {
    const memory = this.#recalled();
    if (memory === null) return { kind: "unknown" };
    const { content, producer } = request;
    if (content.kind === "refused" && content.stage !== "content") return { kind: "refused", refusal: content.refusal };

    if (producer !== null) {
      const admission = admit(memory.producers, producer);
      if (admission.kind === "rejected") return { kind: "refused", refusal: admission.refusal };
      if (admission.kind === "duplicate") {
        this.#heard(memory);
        return { kind: "appended", ...admission.positions, duplicate: true, control: memory.state.control };
      }
    }
    if (isTerminal(memory.state.status)) {
      return { kind: "refused", refusal: { code: "RUN_ENDED", detail: `The run has ${memory.state.status}; its log is closed.` } };
    }
    if (content.kind === "refused") return { kind: "refused", refusal: content.refusal };
    const plan = planBatch(memory.state.status, content.drafts, content.completion);
    if (plan.kind === "refused") return plan;
    if (memory.hotBytes > LIMITS.unflushedBytes) {
      const detail = "More than 64 MiB wait for the archive. Send the same batch again later; nothing is lost.";
      return { kind: "refused", refusal: { code: "UNFLUSHED_LIMIT", detail } };
    }

    let own = { firstSequence: null as number | null, lastSequence: null as number | null, accepted: 0 };
    const markOf = (number: ProducerNumber | null): ProducerMark | null => (number === null ? null : { ...number, ...own });
    this.#write(
      memory,
      (writer) => {
        if (memory.lostAt !== null) this.#writeReturned(memory, writer);
        for (const { draft, own: isOwn } of plan.lines) {
          writer.write(draft);
          if (isOwn) own = extend(own, writer.lastSequence());
        }
        if (plan.completion !== null) {
          writer.complete(plan.completion);
          own = extend(own, writer.lastSequence());
        }
      },
      () => markOf(producer),
      true,
    );
    return { kind: "appended", ...own, duplicate: false, control: memory.state.control };
  }

  heartbeat(): HeartbeatOutcome {
    const memory = this.#recalled();
    if (memory === null) return { kind: "unknown" };
    if (isTerminal(memory.state.status)) {
      return { kind: "refused", refusal: { code: "RUN_ENDED", detail: `The run has ${memory.state.status}.` } };
    }
    this.#heard(memory);
    return { kind: "heard", control: memory.state.control };
  }

  cancel(command: CancelCommand): CancelOutcome {
    const memory = this.#recalled();
    if (memory === null) return { kind: "unknown" };
    const { clock, producers } = this.#ports;
    const decision = decideCancel({
      status: memory.state.status,
      force: command.force,
      producerPresent: producers.any() || clock.now() - (memory.heardAt ?? 0) < LIMITS.producerSilenceMs,
      asked: memory.cancelRequestedAt !== null,
    });
    if (decision.kind === "already_cancelled") return { kind: "already_cancelled", run: storedRun(memory) };
    if (decision.kind === "refused") return decision;
    const isNew = memory.cancelRequestedAt === null;
    const request = {
      control_id: clock.newId(),
      action: "cancel" as const,
      by: command.by,
      ...(command.reason === null ? {} : { reason: command.reason }),
    };
    this.#write(memory, (writer) => {
      if (isNew) writer.writeServerEvent("control.requested", null, request);
      if (decision.kind === "end_now") writer.complete(serverCompletion("cancelled", null));
    });
    if (decision.kind === "ask_producer") producers.sendAll(JSON.stringify({ op: "control", ...request }));
    return { kind: "requested", run: storedRun(memory) };
  }

  describe(): DescribeOutcome {
    const memory = this.#recalled();
    return memory === null ? { kind: "unknown" } : { kind: "run", run: storedRun(memory) };
  }

  summary(): SummaryOutcome {
    const memory = this.#recalled();
    return memory === null ? { kind: "unknown" } : { kind: "summary", summary: summaryForEmbedding(memory.summary) };
  }

  /** What an HTTP reader at `sequence` needs: where R2 has the lines, or the hot lines themselves. */
  tail(sequence: number): TailOutcome {
    const memory = this.#recalled();
    if (memory === null) return { kind: "unknown" };
    const hotAfter = storedThrough(memory);
    return {
      kind: "tail",
      status: memory.state.status,
      headSequence: memory.state.last_sequence,
      hotAfter,
      segments: memory.segments.filter((segment) => segment.sha256 !== null && segment.lastSequence > sequence),
      window: sequence >= hotAfter ? this.#ports.log.windowAfter(sequence, TAIL_BYTES) : null,
    };
  }

  /** Empties the object of an ended run. The caller deletes what R2 and D1 hold of it. */
  async erase(): Promise<EraseOutcome> {
    const memory = this.#recalled();
    if (memory !== null && !isTerminal(memory.state.status)) {
      const detail = `The run is ${memory.state.status}. Cancel it first.`;
      return { kind: "refused", refusal: { code: "RUN_OPEN", detail } };
    }
    // A step that is under way would put an object back after the deletion.
    await this.#archiver.idle();
    for (const watcher of this.#ports.watchers.all()) watcher.close(4404, "the run was deleted");
    const isHeld = this.#recalled() !== null;
    this.#memory = null;
    this.#alarmAt = null;
    if (isHeld) await this.#ports.log.erase();
    return { kind: "erased" };
  }

  /** Greets a watcher and starts it from its position. False when there is no run here. */
  welcome(watcher: Watcher): boolean {
    const memory = this.#recalled();
    if (memory === null) return false;
    watcher.send(
      JSON.stringify({
        op: "hello",
        run_id: memory.identity.runId,
        status: memory.state.status,
        last_sequence: memory.state.last_sequence,
        watcher_id: watcher.state.watcherId,
      }),
    );
    this.#fanOut.serve(watcher);
    this.#presence.changed();
    return true;
  }

  /** The first frames of a produce socket: hello, then the requests nobody has acknowledged yet. */
  greetProducer(id: string, epoch: number): { kind: "greeted"; frames: string[] } | { kind: "refused"; refusal: Refusal } {
    const memory = this.#recalled();
    if (memory === null) return { kind: "refused", refusal: { code: "RUN_NOT_FOUND", detail: "this object holds no run" } };
    const admission = admit(memory.producers, { id, epoch, sequence: expectedSequence(memory.producers, id, epoch) });
    if (admission.kind === "rejected") return { kind: "refused", refusal: admission.refusal };
    const hello = {
      op: "hello",
      run_id: memory.identity.runId,
      status: memory.state.status,
      expected: expectedSequence(memory.producers, id, epoch),
    };
    const control = memory.state.control.map((request) => JSON.stringify({ op: "control", ...request }));
    return { kind: "greeted", frames: [JSON.stringify(hello), ...control] };
  }

  acknowledge(watcher: Watcher, sequence: number): void {
    this.#recalled();
    this.#fanOut.acknowledge(watcher, sequence);
  }

  look(watcher: Watcher, view: { first: number; last: number; follow: boolean }): void {
    watcher.keep(Object.assign(watcher.state, { view }));
    this.#presence.changed();
  }

  /** A watcher's socket is gone. */
  left(watcherId: string): void {
    this.#fanOut.forget(watcherId);
    this.#presence.changed();
    if (this.#recalled() !== null) this.#work();
  }

  /** A produce socket is gone, and with it what it knew: when its producer was last heard. [LEASE1] */
  producerLeft(heardAt: number): void {
    const memory = this.#recalled();
    if (memory === null || isTerminal(memory.state.status)) return;
    memory.heardAt = Math.max(memory.heardAt ?? 0, heardAt);
    this.#ports.log.putHeardAt(memory.heardAt);
    this.#armAlarm();
  }

  /** The alarm: does everything that has fallen due. `scheduledAt` tells whether the server was away meanwhile. */
  async wake(scheduledAt: number): Promise<void> {
    this.#alarmAt = null;
    try {
      const memory = this.#recalled();
      if (memory === null) return;
      this.#endWhatIsDue(memory, this.#ports.clock.now(), scheduledAt);
      this.#fanOut.closeSilent();
      this.#fanOut.retry();
      const caughtUp = this.#outbox.retry().then(() => this.#archiver.work());
      // No second alarm comes while this one is at work: D1 or R2 that hang must not hold up a lease.
      await Promise.race([caughtUp, new Promise<void>((resolve) => this.#ports.timer.after(WAKE_MS, resolve))]);
      this.#wakeFailures = 0;
    } catch (error) {
      // The platform gives an alarm up after a few failures; what is due must be tried for ever. [ALM2]
      this.#wakeFailures += 1;
      this.#ports.report("wake_failed", { error: String(error), failures: this.#wakeFailures });
      this.#setAlarm(this.#ports.clock.now() + backoffMs(this.#wakeFailures));
      return;
    }
    this.#armAlarm();
  }

  /** Waits until D1 and the workspace's list show the run's status, but not for ever: the alarm goes on. */
  settle(): Promise<void> {
    return this.#outbox.settle();
  }

  /** Like `settle`, but throws when D1 cannot be written: a created run must be in the list. */
  async indexed(): Promise<void> {
    await this.#outbox.write();
    this.#armAlarm();
  }

  #endWhatIsDue(memory: RunMemory, now: number, scheduledAt: number): void {
    if (isTerminal(memory.state.status)) return;
    const facts = this.#dueFacts(memory);
    // A ping on its socket does not wake the object: it is seen here at the latest.
    if (memory.lostAt !== null && facts.heardAt > memory.lostAt) this.#write(memory, (writer) => this.#writeReturned(memory, writer));
    const cancelEnds = cancelEndsAt(facts);
    if (cancelEnds !== null && cancelEnds <= now) {
      this.#write(memory, (writer) => writer.complete(serverCompletion("cancelled", null)));
      return;
    }
    const leaseEnds = leaseEndsAt(this.#dueFacts(memory));
    const deadline = leaseEnds ?? abandonedAt(this.#dueFacts(memory));
    if (deadline === null || deadline > now) return;
    if (now - Math.min(scheduledAt, deadline) > LATE_ALARM_MS) {
      // The server was down: that time does not count against the producer. [LEASE2]
      memory.graceUntil = now + (facts.leaseMs ?? 0);
      this.#ports.log.putGraceUntil(memory.graceUntil);
      return;
    }
    if (leaseEnds !== null) {
      const since = new Date(facts.heardAt).toISOString();
      this.#write(memory, (writer) =>
        writer.writeServerEvent("producer.lost", null, { last_sequence: memory.state.last_sequence, since }),
      );
    }
    const abandoned = abandonedAt(this.#dueFacts(memory));
    if (abandoned !== null && abandoned <= now) {
      const message = "The producer was not heard within its lease and did not come back.";
      this.#write(memory, (writer) => writer.complete(serverCompletion("failed", { code: "PRODUCER_LOST", message })));
    }
  }

  #writeReturned(memory: RunMemory, writer: LineWriter): void {
    const since = new Date(memory.lostAt ?? this.#ports.clock.now()).toISOString();
    writer.writeServerEvent("producer.returned", null, { last_sequence: memory.state.last_sequence, since });
  }

  #degraded(part: "archive" | "index", error: unknown): void {
    this.#ports.report("degraded", { part, error: String(error) });
    const memory = this.#recalled();
    if (memory === null) return;
    // After the end nothing may follow run.completed: the backlog waits, and only the server's log says so.
    if (!isTerminal(memory.state.status) && !memory.state.degraded.includes(part)) {
      const since = new Date(this.#ports.clock.now()).toISOString();
      this.#write(memory, (writer) => writer.writeServerEvent("log.degraded", null, { part, since }));
    }
    this.#armAlarm();
  }

  #recovered(part: "archive" | "index"): void {
    const memory = this.#recalled();
    if (memory === null || isTerminal(memory.state.status) || !memory.state.degraded.includes(part)) return;
    const since = new Date(this.#ports.clock.now()).toISOString();
    this.#write(memory, (writer) => writer.writeServerEvent("log.recovered", null, { part, since }));
  }

  /** Persist first: a watcher must never see a line that an eviction could still lose. [FAN1] */
  #write(
    memory: RunMemory,
    compose: (writer: LineWriter) => void,
    mark: () => ProducerMark | null = () => null,
    fromProducer = false,
  ): void {
    const { log, clock } = this.#ports;
    const now = clock.now();
    const before = { status: memory.state.status, degraded: memory.state.degraded.length, lostAt: memory.lostAt };
    const writer = new LineWriter(memory, now);
    try {
      log.transaction(() => {
        compose(writer);
        const producerMark = mark();
        const rows = linesToRows(writer.lines, { receivedAt: now, fromProducer, mark: producerMark });
        for (const row of rows) log.append(row);
        if (producerMark !== null && rows.length === 0) log.appendEmpty(producerMark);
        if (fromProducer && rows.length === 0) log.putHeardAt(now);
        const isShown =
          memory.state.status !== before.status ||
          memory.state.degraded.length !== before.degraded ||
          memory.lostAt !== before.lostAt ||
          memory.state.last_sequence === 1;
        if (isShown) {
          memory.outbox = { revision: memory.outbox.revision + 1, pending: true };
          log.putOutbox(memory.outbox);
        }
        if (producerMark !== null) remember(memory.producers, producerMark);
      });
    } catch (error) {
      // The folds ran ahead of a transaction that is undone: only the log knows now how the run stands.
      this.#memory = null;
      throw error;
    }
    memory.hotBytes += writer.lines.reduce((sum, line) => sum + line.bytes, 0);
    if (writer.lines.length > 0) memory.oldestHotAt ??= now;
    if (fromProducer) memory.heardAt = now;
    this.#fanOut.publish(writer.lines);
    this.#outbox.changed();
    this.#work();
  }

  /** Starts what is due now in the background and sets the alarm for the rest, which also takes over if this object dies. */
  #work(): void {
    this.#armAlarm();
    const due = this.#archiver.dueAt();
    if (due === null || due > this.#ports.clock.now()) return;
    this.#archiver
      .work()
      .then(() => this.#armAlarm())
      .catch((error: unknown) => this.#ports.report("archive_stopped", { error: String(error) }));
  }

  #armAlarm(): void {
    const memory = this.#recalled();
    if (memory === null) return;
    const due = earliestDue(this.#dueFacts(memory));
    // An alarm that comes too early only looks again: moving it with every append would cost a row each time.
    if (due !== null && typeof this.#alarmAt === "number" && this.#alarmAt <= due) return;
    if (due === null && this.#alarmAt === null) return;
    this.#setAlarm(due);
  }

  #setAlarm(at: number | null): void {
    this.#alarmAt = at;
    this.#ports.alarm.set(at);
  }

  #dueFacts(memory: RunMemory): DueFacts {
    const silent = this.#ports.watchers.all().map(({ state }) => silentUntil(state));
    return {
      open: !isTerminal(memory.state.status),
      archiveAt: this.#archiver.dueAt(),
      indexAt: this.#outbox.dueAt(),
      leaseMs: memory.identity.leaseMs,
      heardAt: Math.max(memory.identity.createdAt, memory.heardAt ?? 0, this.#ports.producers.lastHeardAt() ?? 0),
      graceUntil: memory.graceUntil,
      lostAt: memory.lostAt,
      endAfterMs: memory.identity.endAfterMs,
      cancelRequestedAt: memory.cancelRequestedAt,
      watcherRetryAt: this.#fanOut.dueAt(),
      watcherSilentAt: silent.reduce((least, at) => (at !== null && (least === null || at < least) ? at : least), null),
    };
  }

  /** Written down at once: an eviction must not end a lease early. [LEASE1] */
  #heard(memory: RunMemory): void {
    const { clock, log } = this.#ports;
    if (isTerminal(memory.state.status)) return;
    const now = clock.now();
    memory.heardAt = now;
    if (now - (log.heardAt() ?? 0) >= HEARD_EVERY_MS) log.putHeardAt(now);
    if (memory.lostAt !== null) this.#write(memory, (writer) => this.#writeReturned(memory, writer));
  }

  #head(): { sequence: number; ended: TerminalStatus | null } {
    const state = this.#recalled()?.state;
    if (state === undefined) return { sequence: 0, ended: null };
    return { sequence: state.last_sequence, ended: isTerminal(state.status) ? state.status : null };
  }

  #recalled(): RunMemory | null {
    if (this.#memory === null) {
      this.#memory = recall(this.#ports.log);
      if (this.#memory !== null) this.#afterRecall();
    }
    return this.#memory;
  }

  /** After an eviction nobody else goes on with the watchers that were behind. */
  #afterRecall(): void {
    this.#ports.timer.after(0, () => {
      this.#fanOut.resume();
      this.#work();
    });
  }
}

type OwnPositions = { firstSequence: number | null; lastSequence: number | null; accepted: number };
const extend = (own: OwnPositions, sequence: number): OwnPositions => ({
  firstSequence: own.firstSequence ?? sequence,
  lastSequence: sequence,
  accepted: own.accepted + 1,
});

const serverCompletion = (status: TerminalStatus, failure: { code: string; message: string } | null): Completion => ({
  status,
  exit_code: null,
  failure,
  createdAtMs: null,
  source: null,
  step: null,
});

