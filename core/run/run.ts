import type { Artifact } from "../../protocol/api.ts";
import { ERROR_CODES } from "../../protocol/error-code.ts";
import { isTerminal } from "../../protocol/event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { LogPart } from "../../protocol/run-state.ts";
import { summaryForEmbedding } from "../../protocol/summary.ts";
import { firstCause } from "../first-cause.ts";
import type { RunPorts, Watcher } from "../ports.ts";
import { AlarmKeeper } from "./alarm-keeper.ts";
import { EMPTY_OBJECT, type DueFacts } from "./alarm-plan.ts";
import { Archiver } from "./archiver.ts";
import { Audience } from "./audience.ts";
import { waitAtMost } from "./wait-at-most.ts";
import type {
  AppendOutcome,
  AppendRequest,
  CancelCommand,
  CancelOutcome,
  CreateCommand,
  CreateOutcome,
  DescribeOutcome,
  EditCommand,
  EditOutcome,
  EraseOutcome,
  HeartbeatOutcome,
  JudgeOutcome,
  NoteArtifactOutcome,
  SummaryOutcome,
  TailOutcome,
} from "./commands.ts";
import { noteArtifact } from "./artifacts.ts";
import { cancelRun } from "./cancel.ts";
import { deadlinesOf, meetDeadlines } from "./deadlines.ts";
import { decideEdit } from "./edits.ts";
import { takeHeartbeat } from "./heartbeat.ts";
import { IndexOutbox } from "./index-outbox.ts";
import { greetProducer, type ProducerGreeting } from "./greetings.ts";
import { identityOf, planBatch, queuedPayload } from "./lifecycle.ts";
import { LogKeeper, writeReturned } from "./log-keeper.ts";
import { tailOf } from "./log-source.ts";
import { closeFenced, lastHeardAt } from "./producer-links.ts";
import { detailsNow, storedRun, type RunMemory } from "./run-memory.ts";
import { admit, extend, type Positions } from "./sequencer.ts";
import { closeExpired, earliestExpiry } from "./sessions.ts";

/** An alarm stays so long with D1 and R2 before it looks at what else is due. */
const WAKE_MS = 10_000;

/**
 * One run: its use cases in order, over ports. It keeps nothing that the log does not hold: another `Run` over the same ports goes on
 * where this one was evicted. [RUN2]
 */
export class Run {
  readonly #ports: RunPorts;
  readonly #log: LogKeeper;
  /** Its watchers; what they ask that a recall of the run has to come before is asked of this class. */
  readonly audience: Audience;
  readonly #archiver: Archiver;
  readonly #outbox: IndexOutbox;
  readonly #alarm: AlarmKeeper;

  constructor(ports: RunPorts) {
    this.#ports = ports;
    this.#log = new LogKeeper(ports, {
      recalled: () => this.#goOn(),
      written: (lines) => {
        this.audience.publish(lines);
        this.#outbox.changed();
        this.#work();
      },
    });
    this.#alarm = new AlarmKeeper(ports, () => this.#dueFacts(this.#log.memory()));
    this.audience = new Audience(ports, {
      memory: () => this.#log.memory(),
      dueChanged: () => this.#work(),
      damaged: (memory) => this.#log.judged(memory, true),
    });
    this.#outbox = new IndexOutbox(ports, () => this.#log.memory(), {
      degraded: (error) => this.#degraded("index", error),
      recovered: () => this.#log.recovered("index"),
    });
    this.#archiver = new Archiver(ports, {
      memory: () => this.#log.memory(),
      watchersBehind: () => this.audience.isBehind(),
      indexPending: () => this.#log.memory()?.outbox.pending ?? false,
      writeIndex: () => this.#outbox.write(),
      degraded: (error) => this.#degraded("archive", error),
      recovered: () => {
        this.#log.recovered("archive");
        this.#outbox.changed();
      },
      segmentJudged: (memory, segment, damage) =>
        this.#log.damaged(memory, memory.isIncomplete || damage !== null, { segment, damage }),
      composed: (memory, isIncomplete) => this.#log.damaged(memory, isIncomplete),
      emptied: () => this.#forget(),
    });
  }

  /** Writes `run.queued`, sequence 1. The same run again is answered as it is. */
  create(command: CreateCommand): CreateOutcome {
    const known = this.#log.memory();
    if (known !== null) return { kind: "created", run: storedRun(known) };
    const identity = identityOf(command, this.#ports.clock.now());
    const memory = this.#log.begin(identity, (writer) =>
      writer.writeServerEvent("run.queued", identity.createdAt, queuedPayload(command)),
    );
    return { kind: "created", run: storedRun(memory) };
  }

  /** Stores a batch whole or not at all. What it answers with is durable when the answer leaves the object. [SEQ1] [SEQ2] */
  append(request: AppendRequest): AppendOutcome {
    const memory = this.#log.memory();
    if (memory === null) return { kind: "unknown" };
    const { content, producer } = request;
    if (content.kind === "refused" && content.stage !== "content") return { kind: "refused", refusal: content.refusal };

    if (producer !== null) {
      const admission = admit(memory.producers, producer);
      if (admission.kind === "rejected") return { kind: "refused", refusal: admission.refusal };
      if (admission.kind === "duplicate") {
        this.#log.heard(memory);
        return { kind: "appended", ...admission.positions, duplicate: true, control: memory.state.control };
      }
    }
    if (isTerminal(memory.state.status)) {
      return {
        kind: "refused",
        refusal: { code: "RUN_ENDED", detail: `The run has ${memory.state.status}; its log is closed.` },
      };
    }
    if (content.kind === "refused") return { kind: "refused", refusal: content.refusal };
    const plan = planBatch(memory.state.status, content.drafts, content.completion);
    if (plan.kind === "refused") return plan;
    if (memory.hotBytes > LIMITS.unflushedBytes) {
      const detail = "More than 64 MiB wait for the archive. Send the same batch again later; nothing is lost.";
      return { kind: "refused", refusal: { code: "UNFLUSHED_LIMIT", detail } };
    }

    let own: Positions = { firstSequence: null, lastSequence: null, accepted: 0 };
    this.#log.write(
      memory,
      (writer) => {
        writeReturned(memory, writer);
        for (const { draft, own: isOwn } of plan.lines) {
          writer.write(draft);
          if (isOwn) own = extend(own, writer.lastSequence());
        }
        if (plan.completion !== null) {
          writer.complete(plan.completion);
          own = extend(own, writer.lastSequence());
        }
      },
      () => (producer === null ? null : { ...producer, ...own }),
    );
    // The first of its epoch.
    if (producer?.sequence === 1) closeFenced(this.#ports.producers, producer.id, producer.epoch);
    return { kind: "appended", ...own, duplicate: false, control: memory.state.control };
  }

  heartbeat(): HeartbeatOutcome {
    const memory = this.#log.memory();
    return memory === null ? { kind: "unknown" } : takeHeartbeat(this.#log, memory);
  }

  /** Its stored lines were read. [DMG2] */
  judge(isIncomplete: boolean): JudgeOutcome {
    const memory = this.#log.memory();
    if (memory === null) return { kind: "unknown" };
    this.#log.judged(memory, isIncomplete);
    return { kind: "noted" };
  }

  cancel(command: CancelCommand): CancelOutcome {
    const memory = this.#log.memory();
    if (memory === null) return { kind: "unknown" };
    return cancelRun(this.#ports, this.#log, memory, command);
  }

  /** Changes name, labels or pin, also after the end. Durable when the answer leaves the object. [EDIT1] */
  edit(command: EditCommand): EditOutcome {
    const memory = this.#log.memory();
    if (memory === null) return { kind: "unknown" };
    const decision = decideEdit(detailsNow(memory), command);
    if (decision.kind === "refused") return decision;
    if (decision.kind === "edited") this.#log.edit(memory, decision.details);
    return { kind: "edited", run: storedRun(memory) };
  }

  /** An artifact is in R2. [OUT2] */
  noteArtifact(artifact: Artifact): NoteArtifactOutcome {
    const memory = this.#log.memory();
    if (memory === null) return { kind: "unknown" };
    noteArtifact(this.#log, memory, artifact);
    return { kind: "noted" };
  }

  describe(): DescribeOutcome {
    const memory = this.#log.memory();
    return memory === null ? { kind: "unknown" } : { kind: "run", run: storedRun(memory) };
  }

  summary(): SummaryOutcome {
    const memory = this.#log.memory();
    return memory === null ? { kind: "unknown" } : { kind: "summary", summary: summaryForEmbedding(memory.summary) };
  }

  /** What an HTTP reader at `sequence` needs: where R2 has the lines, or the hot lines themselves. */
  tail(sequence: number): TailOutcome {
    const memory = this.#log.memory();
    return memory === null ? { kind: "unknown" } : tailOf(this.#ports.log, memory, sequence);
  }

  /** Empties the object of an ended run. The caller deletes what R2 and D1 hold of it. */
  async erase(): Promise<EraseOutcome> {
    const memory = this.#log.memory();
    if (memory !== null && !isTerminal(memory.state.status)) {
      const detail = `The run is ${memory.state.status}. Cancel it first.`;
      return { kind: "refused", refusal: { code: "RUN_OPEN", detail } };
    }
    // A step that is under way would put an object back after the deletion. [LIFE6]
    await this.#archiver.idle();
    this.audience.close();
    for (const producer of this.#ports.producers.all())
      producer.close(ERROR_CODES.RUN_NOT_FOUND.close, "the run was deleted");
    const held = this.#log.memory();
    this.#forget();
    if (held === null) return { kind: "erased" };
    await this.#ports.log.erase();
    await this.#archiver.abandon(held, held.archive);
    return { kind: "erased" };
  }

  /** Greets a watcher and starts it from its position. False when there is no run here. */
  welcome(watcher: Watcher): boolean {
    const isWelcome = this.audience.welcome(watcher);
    this.#outbox.changed();
    return isWelcome;
  }

  /** The first frames of a produce socket, or why there is none. */
  greetProducer(id: string, epoch: number): ProducerGreeting {
    const memory = this.#log.memory();
    if (memory !== null) return greetProducer(memory, id, epoch);
    return { kind: "refused", refusal: { code: "RUN_NOT_FOUND", detail: "this object holds no run" } };
  }

  acknowledge(watcher: Watcher, sequence: number): void {
    this.#log.memory();
    this.audience.acknowledge(watcher, sequence);
  }

  /** A watcher's socket is gone. */
  left(watcherId: string): void {
    this.audience.left(watcherId);
    this.#outbox.changed();
    this.#socketGone();
  }

  /** A produce socket was opened: its session may be the next thing due. */
  producerCame(): void {
    this.#alarm.arm();
  }

  /** A produce socket is gone, and with it what it knew: when its producer was last heard. [LEASE1] */
  producerLeft(heardAt: number): void {
    const memory = this.#log.memory();
    if (memory !== null && !isTerminal(memory.state.status)) this.#log.heard(memory, heardAt);
    this.#socketGone();
  }

  /** With a socket goes what was due for it; with the last one of an emptied object its alarm, all that was stored there. [ARC6] */
  #socketGone(): void {
    const { log, producers, report, watchers } = this.#ports;
    if (this.#log.memory() !== null) return this.#work();
    if (watchers.all().length + producers.all().length > 0) return this.#alarm.arm();
    this.#alarm.gone();
    log.erase().catch((error: unknown) => report("not_emptied", { error: String(error) }));
  }

  /** The alarm: does everything that has fallen due. `scheduledAt` tells whether the server was away meanwhile. */
  async wake(scheduledAt: number): Promise<void> {
    this.#alarm.wentOff();
    try {
      const { clock, producers } = this.#ports;
      meetDeadlines(this.#log, (memory) => this.#dueFacts(memory), clock.now(), scheduledAt);
      closeExpired(producers.all(), clock.now());
      this.audience.wake();
      if (this.#log.memory() === null) return this.#alarm.succeeded();
      const caughtUp = this.#outbox.retry().then(() => this.#archiver.work());
      // No second alarm comes while this one is at work: D1 or R2 that hang must not hold up a lease. [ALM2]
      await waitAtMost(this.#ports.timer, WAKE_MS, caughtUp);
      this.#alarm.succeeded();
    } catch (error) {
      const failures = this.#alarm.failed();
      this.#ports.report("wake_failed", { error: String(error), failures });
    }
  }

  /** Waits until D1 and the workspace's list show the run's status, but not for ever: the alarm goes on. */
  settle(): Promise<void> {
    return this.#outbox.settle();
  }

  /** Like `settle`, but throws when D1 cannot be written: a created run must be in the list. */
  async indexed(): Promise<void> {
    await this.#outbox.write();
    this.#alarm.arm();
  }

  #degraded(part: LogPart, error: unknown): void {
    this.#ports.report("write_failed", { part, error: String(firstCause(error)) });
    this.#log.degraded(part);
    this.#alarm.arm();
  }

  /** Starts what is due now in the background and sets the alarm for the rest, which also takes over if this object dies. */
  #work(): void {
    this.#alarm.arm();
    const due = this.#archiver.dueAt();
    if (due === null || due > this.#ports.clock.now()) return;
    this.#archiver
      .work()
      .then(() => this.#alarm.arm())
      .catch((error: unknown) => this.#ports.report("archive_stopped", { error: String(error) }));
  }

  #forget(): void {
    this.#log.forget();
    this.#alarm.gone();
  }

  #dueFacts(memory: RunMemory | null): DueFacts {
    const { producers } = this.#ports;
    const sockets = { watchersAt: this.audience.dueAt(), producersAt: earliestExpiry(producers.all()) };
    if (memory === null) return { ...EMPTY_OBJECT, ...sockets };
    const archiveAt = this.#archiver.dueAt();
    const indexAt = this.#outbox.dueAt();
    return { ...deadlinesOf(memory, lastHeardAt(producers)), archiveAt, indexAt, ...sockets };
  }

  /** After an eviction nobody else goes on with the watchers that were behind. */
  #goOn(): void {
    this.#ports.timer.after(0, () => {
      this.audience.resume();
      this.#work();
    });
  }
}
