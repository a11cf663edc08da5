import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Completion, EventDraft } from "../../protocol/append.ts";
import type { CreateRun } from "../../protocol/api.ts";
import type { TerminalStatus } from "../../protocol/event.ts";
import { draftEvent, splitLines } from "../../protocol/ndjson.ts";
import { manifestSchema, type Manifest } from "../../protocol/proof/manifest.ts";
import type { ArchivedRun } from "../../core/run/archived-log.ts";
import type { AppendOutcome } from "../../core/run/commands.ts";
import { newWatcher } from "../../core/run/flow-control.ts";
import { Run } from "../../core/run/run.ts";
import { recall, type RunMemory } from "../../core/run/run-memory.ts";
import type { ProducerNumber } from "../../core/run/sequencer.ts";
import type { RunIndex, RunLoad, RunPorts, StoredRun } from "../../core/ports.ts";
import { manifestKey, segmentKey, wholeLogKey } from "../../storage/log-keys.ts";
import { MemoryRunIndex } from "../../storage/memory-run-index.ts";
import { FakeProducerSockets } from "./fake-producer-sockets.ts";
import { FakeWatchers, type FakeClient } from "./fake-watchers.ts";
import { Killed, Life, mortal } from "./life.ts";
import { ManualAlarm, ManualClock, ManualTimer } from "./manual-time.ts";
import { MemoryArchive } from "./memory-archive.ts";
import { MemoryEventLog } from "./memory-event-log.ts";
import { Signer } from "./signer.ts";

export const SIGNER = new Signer("the-secret-of-simulations");
export const RUN = { runId: "01931b9e-0000-7000-8000-000000000001", workspaceId: "default" };

export const line = (message: string): EventDraft => draftEvent("console.line", null, { stream: "stdout", message });
export const event = (type: string, payload: Record<string, unknown> = {}): EventDraft =>
  draftEvent(type, null, payload);
export const completion = (status: TerminalStatus, more: Partial<Completion> = {}): Completion => ({
  status,
  exit_code: status === "succeeded" ? 0 : null,
  failure: null,
  createdAtMs: null,
  source: null,
  step: null,
  ...more,
});

export type Batch = { drafts?: EventDraft[]; completes?: Completion | null; producer?: ProducerNumber | null };

export type WatchQuery = {
  after?: number;
  types?: string[] | null;
  stay?: boolean;
  expiresAt?: number | null;
  /** What the object found in the archive, when it is empty. */
  archived?: ArchivedRun | null;
};

/** A `Run` over fakes, with the outside of its object: what is durable stays when the object is evicted or killed. */
export class RunWorld {
  readonly clock = new ManualClock();
  readonly timer = new ManualTimer(this.clock);
  readonly alarm = new ManualAlarm();
  readonly log = new MemoryEventLog(() => this.alarm.set(null));
  readonly archive = new MemoryArchive();
  readonly index = new MemoryRunIndex();
  readonly watchers = new FakeWatchers();
  readonly producers = new FakeProducerSockets();
  readonly reports: { event: string; facts: Record<string, unknown> }[] = [];
  readonly published: { run: StoredRun; revision: number; load: RunLoad }[] = [];
  readonly wakeErrors: unknown[] = [];
  #waking: Life | null = null;
  #wakingFor = 0;
  indexFails = false;
  life = new Life();
  run = this.#newRun();

  create(body: CreateRun = {}): StoredRun {
    const { parameters = {}, ...rest } = body;
    return this.run.create({ ...RUN, queuedBy: "tester", body: rest, parameters: JSON.stringify(parameters) }).run;
  }

  append(batch: Batch): AppendOutcome {
    const { drafts = [], completes = null, producer = null } = batch;
    return this.run.append({ producer, content: { kind: "events", drafts, completion: completes } });
  }

  /** A watcher as the object welcomes one. */
  watch(query: WatchQuery = {}): FakeClient {
    const { after: afterSequence = 0, types = null, stay = false, expiresAt = null, archived = null } = query;
    const who = { id: "w", name: "W" };
    const state = newWatcher(this.clock.newId(), who, { afterSequence, types, stay }, expiresAt, archived);
    const { watcher, client } = this.watchers.accept(state);
    this.run.welcome(watcher);
    return client;
  }

  /** The client reads what is on the wire and acknowledges it. */
  acknowledge(client: FakeClient, upTo?: number): void {
    client.isReading = true;
    client.read();
    const sequence = upTo ?? client.lines.at(-1)?.sequence ?? 0;
    client.acknowledge(sequence);
    const watcher = this.watchers.of(client);
    if (watcher !== null && client.closed === null) this.run.acknowledge(watcher, sequence);
  }

  leave(client: FakeClient): void {
    const watcherId = this.watchers.of(client)?.state.watcherId;
    this.watchers.remove(client);
    if (watcherId !== undefined) this.run.left(watcherId);
  }

  /** The object leaves memory; its storage, its alarm and its sockets stay. */
  evict(): void {
    this.life.end();
    // As on the platform: an alarm whose handler did not come to its end goes off again.
    if (this.#waking !== null) this.alarm.at ??= this.#wakingFor;
    this.#waking = null;
    this.timer.forget();
    this.watchers.hibernate();
    this.life = new Life();
    this.run = this.#newRun();
  }

  /** The process is killed: sockets go as well. */
  kill(): void {
    for (const client of this.watchers.clients()) this.watchers.remove(client);
    this.producers.cut();
    this.evict();
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    await nextTurn();
  }

  /** The alarm goes off. What it does may take time: it is waited for as long as none has to pass. */
  async wake(): Promise<void> {
    const { at } = this.alarm;
    if (at === null) return;
    this.alarm.at = null;
    const { life } = this;
    this.#waking = life;
    this.#wakingFor = at;
    this.run
      .wake(at)
      .catch((error: unknown) => {
        if (!(error instanceof Killed)) this.wakeErrors.push(error);
      })
      .finally(() => {
        if (this.#waking === life && !life.isOver) this.#waking = null;
      });
    await this.settle();
  }

  /** Time passes, and what falls due happens in its order. */
  async advance(ms: number): Promise<void> {
    const end = this.clock.ms + ms;
    for (let rounds = 0; ; rounds += 1) {
      await this.settle();
      // As on the platform: no alarm goes off while one is being handled.
      const alarmAt = this.#waking === this.life ? Infinity : (this.alarm.at ?? Infinity);
      const next = Math.min(alarmAt, this.timer.nextAt() ?? Infinity);
      if (next > end) break;
      if (rounds > 10_000) throw new Error("the object never comes to rest");
      this.clock.ms = Math.max(this.clock.ms, next);
      if ((this.timer.nextAt() ?? Infinity) <= this.clock.ms) this.timer.fire();
      else await this.wake();
    }
    this.clock.ms = end;
  }

  /** What the object would know if it began anew. */
  recalled(): RunMemory | null {
    return recall(this.log);
  }

  /** Every line that is stored anywhere, in order, each with its newline. */
  logText(): string {
    const whole = this.archive.objects.get(wholeLogKey(RUN));
    const stored = this.log.load();
    if (stored === null || stored.archive.phase === "cleared") return whole?.toString() ?? "";
    let text = "";
    let through = 0;
    for (const segment of stored.segments) {
      const bytes = segment.sha256 === null ? undefined : this.archive.objects.get(segmentKey(RUN, segment));
      if (bytes === undefined && segment.sha256 !== null) return whole?.toString() ?? "";
      if (bytes === undefined) break;
      text += bytes.toString();
      through = segment.lastSequence;
    }
    for (const batch of this.log.batchesAfter(through)) text += batch.lines;
    return text;
  }

  lines(): string[] {
    return splitLines(this.logText());
  }

  manifest(): Manifest | null {
    const stored = this.archive.objects.get(manifestKey(RUN));
    return stored === undefined ? null : manifestSchema.parse(JSON.parse(stored.toString()));
  }

  wholeLog(): string | null {
    return this.archive.objects.get(wholeLogKey(RUN))?.toString() ?? null;
  }

  #newRun(): Run {
    const index: RunIndex = {
      upsert: async (row) => {
        if (this.indexFails) throw new Error("D1 is away");
        await this.index.upsert(row);
      },
      get: (runId) => this.index.get(runId),
      edit: (runId, details, revision) => this.index.edit(runId, details, revision),
      addOutputPath: (runId, path) => this.index.addOutputPath(runId, path),
      setIncomplete: (runId, isIncomplete) => this.index.setIncomplete(runId, isIncomplete),
      list: (query) => this.index.list(query),
      stats: (workspaceId, days) => this.index.stats(workspaceId, days),
      delete: (runId) => this.index.delete(runId),
    };
    const { life } = this;
    const ports: RunPorts = {
      log: mortal(this.log, life, "log"),
      archive: mortal(this.archive, life, "archive"),
      index: mortal(index, life, "index"),
      feed: {
        publish: async (run, revision, load) => void this.published.push({ run: structuredClone(run), revision, load }),
      },
      watchers: this.watchers,
      producers: this.producers,
      clock: this.clock,
      timer: { after: (delayMs, run) => this.timer.after(delayMs, () => whileAlive(life, run)) },
      // Set on the way out of an object that is gone it has no effect, and nobody there to be told.
      alarm: { set: (at) => void (life.isOver || mortal(this.alarm, life, "alarm").set(at)) },
      sha256: async (bytes) => createHash("sha256").update(bytes).digest(),
      sign: async (text) => SIGNER.sign(text),
      report: (name, facts) => void this.reports.push({ event: name, facts }),
    };
    return new Run(ports);
  }
}

/** Calls `run`, which may be what ends the object. */
function whileAlive(life: Life, run: () => void): void {
  try {
    if (!life.isOver) run();
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
}
