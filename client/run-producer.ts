import type { AppendAnswer } from "../protocol/api.ts";
import type { ControlRequest } from "../protocol/control.ts";
import type { Failure, TerminalStatus } from "../protocol/event.ts";
import { RuncastApi } from "./api.ts";
import type { RunProblem } from "./api.ts";
import { pause, retryDelayMs } from "./backoff.ts";
import { mendLine } from "./outbox.ts";
import type { Outbox, OutgoingBatch } from "./outbox.ts";
import { OutgoingLines } from "./outgoing-lines.ts";
import { encodeEvent, holdLine } from "./producer-event.ts";
import type { ProducerEvent } from "./producer-event.ts";
import type { Delivery, ProducerState, ProducerTiming } from "./producer-state.ts";
import { randomId } from "./random-id.ts";
import { withResolvers } from "./with-resolvers.ts";

export type { Delivery, ProducerEvent, ProducerState, ProducerTiming };
export type RunEnding = { status: TerminalStatus; exit_code?: number | null; failure?: Failure };

const PRODUCER_TIMING: ProducerTiming = { gatherMs: 100, heartbeatMs: 5_000, firstRetryMs: 100, maxRetryMs: 5_000 };
/** Far below what the server takes of a batch, however its lines grow when they are stored. [APP13] */
const BATCH_BYTES = 256 * 1024;
const BUFFER_BYTES = 8 * 1024 * 1024;
export type RunProducerOptions = {
  url: string;
  token?: string;
  /** May come later, when the run could not be created yet; lines are kept meanwhile. */
  runId: string | Promise<string>;
  producerId?: string;
  epoch?: number;
  /** Where lines wait (default: in memory). What it holds already is sent first. */
  outbox?: Outbox;
  /** Sent before and never answered, perhaps in an older epoch: repeated first, because a newer epoch would fence the question whether it was stored. */
  unanswered?: OutgoingBatch;
  /** `source` of events that name none. */
  source?: string;
  /** `write` waits when more than this is not stored yet (default 8 MiB). */
  bufferBytes?: number;
  fetch?: typeof fetch;
  timing?: Partial<ProducerTiming>;
  random?: () => number;
  /** Each request once. It stays open until a `control.acknowledged` with its id is written. */
  onControl?: (request: ControlRequest) => void;
  onState?: (state: ProducerState) => void;
  /** What to send instead of a line that made the server refuse its batch; without an answer the refusal is final. */
  replaceRefused?: (line: string, problem: RunProblem) => ProducerEvent | null;
  /** Refusals that may pass, such as of a token that can be renewed: the batch is kept and sent again. */
  mayPass?: (problem: RunProblem) => boolean;
  /** Gives up what is not stored yet, as `stop()` does. */
  signal?: AbortSignal;
};

/**
 * Sends the events of one run, each once and in the order of `write`, whatever the network does: batches are numbered, one is on its way at
 * a time, and one without an answer is repeated byte for byte until it has one.
 */
export class RunProducer {
  readonly #options: RunProducerOptions;
  readonly #timing: ProducerTiming;
  readonly #api: RuncastApi;
  readonly #producerId: string;
  readonly #outbox: Outbox;
  readonly #abort = new AbortController();
  readonly #heardControls = new Set<string>();
  #runId: string | null = null;
  /** Being made, or on its way. */
  #batch: "making" | OutgoingBatch | null = null;
  #batchNumber = 0;
  #sentAt = -Infinity;
  #written = 0;
  #storedLines = 0;
  /** Written, and not to be had from the outbox any more. */
  #missingLines = 0;
  #lastSequence = 0;
  #rushes = 0;
  /** In a row. */
  #failedBeats = 0;
  #ending = false;
  #state: ProducerState = { kind: "delivering" };
  #delivery: Delivery | null = null;
  #gatherTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeatTimer: ReturnType<typeof setTimeout> | undefined;
  /** One promise for all who wait: a caller that does not wait may write on for long. */
  #room: ReturnType<typeof withResolvers<void>> | null = null;
  #flushWaiters: Array<{ upTo: number; resolve: (delivery: Delivery) => void }> = [];

  constructor(options: RunProducerOptions) {
    this.#options = options;
    this.#timing = { ...PRODUCER_TIMING, ...options.timing };
    this.#api = new RuncastApi(options);
    this.#producerId = options.producerId ?? randomId();
    this.#outbox = options.outbox ?? new OutgoingLines();
    this.#batch = options.unanswered ?? null;
    this.#written = this.#outbox.lines + (options.unanswered?.lines ?? 0);
    // Forgotten with what it would stop: one signal may outlive many producers.
    options.signal?.addEventListener("abort", () => this.stop(), { signal: this.#abort.signal });
    if (options.signal?.aborted === true) this.stop();
    void this.#begin(options.runId);
  }

  get state(): ProducerState {
    return this.#state;
  }

  /** Written, but not known to be stored; after a refusal or `stop`, what never will be. */
  get pendingEvents(): number {
    return this.#written - this.#settledLines;
  }

  get #settledLines(): number {
    return this.#storedLines + this.#missingLines;
  }

  get pendingBytes(): number {
    return this.#outbox.bytes + (this.#batch === null || this.#batch === "making" ? 0 : this.#batch.body.byteLength);
  }

  /**
   * Takes one event. The promise resolves at once, or, while too much is unsent, when there is room again: a caller that waits for it uses
   * bounded memory. Throws a RangeError for an event that no log line can hold, and an Error after `end`.
   */
  write(event: ProducerEvent): Promise<void> {
    if (this.#ending) throw new Error("the run has been ended: nothing can be written behind its end");
    return this.#take(this.#encode(event));
  }

  /** The same for an event that is text already, whose numbers are to keep their digits: one JSON object with `type`, without newline. */
  writeLine(line: string): Promise<void> {
    if (this.#ending) throw new Error("the run has been ended: nothing can be written behind its end");
    return this.#take(holdLine(line));
  }

  #take(line: string): Promise<void> {
    if (this.#delivery !== null) {
      this.#written += 1;
      return Promise.resolve();
    }
    this.#push(line);
    if (this.pendingBytes <= (this.#options.bufferBytes ?? BUFFER_BYTES)) return Promise.resolve();
    this.#room ??= withResolvers<void>();
    return this.#room.promise;
  }

  /** Sends without gathering, and tells when everything written so far is stored, or never will be. */
  flush(): Promise<Delivery> {
    if (this.#delivery !== null) return Promise.resolve(this.#delivery);
    if (this.pendingEvents === 0) return Promise.resolve({ kind: "stored", lastSequence: this.#lastSequence });
    const { promise, resolve } = withResolvers<Delivery>();
    this.#flushWaiters.push({ upTo: this.#written, resolve });
    this.#rushes += 1;
    this.#sendWhenDue();
    return promise.finally(() => {
      this.#rushes -= 1;
    });
  }

  /** Writes `run.completed` behind everything else and tells when the whole log is stored, or never will be. */
  end(ending: RunEnding): Promise<Delivery> {
    if (this.#ending) throw new Error("the run has been ended already");
    const line = this.#encode({ type: "run.completed", payload: { ...ending } });
    this.#ending = true;
    if (this.#delivery !== null) return Promise.resolve(this.#delivery);
    this.#push(line);
    return this.flush();
  }

  /** Gives up what is not stored yet. */
  stop(): void {
    if (this.#delivery === null) this.#settle({ kind: "stopped", undelivered: this.pendingEvents });
  }

  async #begin(runId: string | Promise<string>): Promise<void> {
    this.#runId = await runId;
    this.#beatLater();
    const { unanswered } = this.#options;
    if (unanswered === undefined) this.#sendWhenDue();
    else await this.#deliver(this.#runId, unanswered);
  }

  #encode(event: ProducerEvent): string {
    return encodeEvent(event, this.#options.source);
  }

  #push(line: string): void {
    this.#outbox.push(line);
    this.#written += 1;
    this.#sendWhenDue();
  }

  /** One batch at a time: at once when it is full or asked for, else when the last one is long enough ago. */
  #sendWhenDue(): void {
    if (this.#runId === null || this.#batch !== null || this.#delivery !== null || this.#outbox.lines === 0) return;
    const dueInMs = this.#sentAt + this.#timing.gatherMs - Date.now();
    if (dueInMs > 0 && this.#rushes === 0 && this.#outbox.bytes < BATCH_BYTES) {
      this.#gatherTimer ??= setTimeout(() => {
        this.#gatherTimer = undefined;
        this.#sendWhenDue();
      }, dueInMs);
      return;
    }
    clearTimeout(this.#gatherTimer);
    this.#gatherTimer = undefined;
    this.#batch = "making";
    // What is written in the same turn goes along.
    queueMicrotask(() => void this.#sendBatch(this.#runId ?? ""));
  }

  async #sendBatch(runId: string): Promise<void> {
    if (this.#delivery !== null) return;
    this.#batchNumber += 1;
    const number = { epoch: this.#options.epoch ?? 0, sequence: this.#batchNumber };
    const batch = this.#outbox.takeBatch(BATCH_BYTES, number);
    this.#missingLines += batch.missing ?? 0;
    await this.#deliver(runId, batch);
  }

  async #deliver(runId: string, batch: OutgoingBatch): Promise<void> {
    if (this.#delivery !== null) return;
    this.#batch = batch;
    const number = { producerId: this.#producerId, ...batch.number };
    let { body } = batch;
    for (let attempt = 1; ; attempt += 1) {
      this.#sentAt = Date.now();
      const answer = await this.#api.append(runId, body, number, this.#abort.signal);
      if (this.#delivery !== null) return;
      if (answer.kind === "ok") return this.#stored(answer.value, batch.lines);
      if (this.#isWorthRepeating(answer.problem)) {
        await this.#pause(attempt, answer.problem);
        if (this.#delivery !== null) return;
        continue;
      }
      // A refused batch uses up no number: the mended one takes its place.
      const mended = this.#mend(body, answer.problem);
      if (mended === null) {
        return this.#settle({ kind: "refused", problem: answer.problem, undelivered: this.pendingEvents });
      }
      body = mended;
    }
  }

  #mend(body: Uint8Array, problem: RunProblem): Uint8Array<ArrayBuffer> | null {
    const { replaceRefused } = this.#options;
    if (problem.line === null || replaceRefused === undefined) return null;
    return mendLine(body, problem.line - 1, (refused) => {
      const instead = replaceRefused(refused, problem);
      return instead === null ? null : this.#encode(instead);
    });
  }

  #stored(answer: AppendAnswer, lines: number): void {
    this.#batch = null;
    this.#outbox.acknowledge();
    this.#storedLines += lines;
    this.#lastSequence = answer.last_sequence ?? this.#lastSequence;
    this.#setState({ kind: "delivering" });
    if (this.#ending && this.#outbox.lines === 0) this.#settle({ kind: "stored", lastSequence: this.#lastSequence });
    this.#hear(answer.control);
    const stored: Delivery = { kind: "stored", lastSequence: this.#lastSequence };
    const waiters = this.#flushWaiters;
    this.#flushWaiters = waiters.filter(({ upTo }) => upTo > this.#settledLines);
    for (const { upTo, resolve } of waiters) if (upTo <= this.#settledLines) resolve(stored);
    this.#makeRoom();
    this.#beatLater();
    this.#sendWhenDue();
  }

  async #pause(attempt: number, problem: RunProblem): Promise<void> {
    const retryInMs = this.#retryInMs(attempt, problem);
    this.#setState({ kind: "retrying", attempt, retryInMs, problem });
    await pause(retryInMs, this.#abort.signal);
  }

  #retryInMs(attempt: number, { retryAfterMs }: RunProblem): number {
    const { firstRetryMs, maxRetryMs } = this.#timing;
    const backoff = { firstMs: firstRetryMs, maxMs: maxRetryMs };
    return retryDelayMs(attempt, backoff, this.#options.random ?? Math.random, retryAfterMs);
  }

  #beatLater(moreMs = 0): void {
    clearTimeout(this.#heartbeatTimer);
    if (this.#delivery === null) {
      this.#heartbeatTimer = setTimeout(() => void this.#beat(this.#runId ?? ""), this.#timing.heartbeatMs + moreMs);
    }
  }

  async #beat(runId: string): Promise<void> {
    // A batch on its way renews the lease as well, and tells as much.
    if (this.#batch !== null || this.#delivery !== null) return this.#beatLater();
    const answer = await this.#api.heartbeat(runId, this.#abort.signal);
    if (this.#delivery !== null) return;
    if (answer.kind === "ok") {
      this.#failedBeats = 0;
      if (this.#batch === null) this.#setState({ kind: "delivering" });
      this.#hear(answer.value.control);
      return this.#beatLater();
    }
    const { problem } = answer;
    if (!this.#isWorthRepeating(problem) && this.#batch === null) {
      return this.#settle({ kind: "refused", problem, undelivered: this.pendingEvents });
    }
    this.#failedBeats += 1;
    this.#beatLater(this.#retryInMs(this.#failedBeats, problem));
  }

  #hear(control: ControlRequest[]): void {
    for (const request of control) {
      if (this.#heardControls.has(request.control_id)) continue;
      this.#heardControls.add(request.control_id);
      this.#options.onControl?.(request);
    }
  }

  #makeRoom(): void {
    if (this.#delivery === null && this.pendingBytes > (this.#options.bufferBytes ?? BUFFER_BYTES)) return;
    this.#room?.resolve();
    this.#room = null;
  }

  #setState(state: ProducerState): void {
    if (this.#state.kind === "delivering" && state.kind === "delivering") return;
    this.#state = state;
    this.#options.onState?.(state);
  }

  #settle(delivery: Delivery): void {
    this.#delivery = delivery;
    clearTimeout(this.#gatherTimer);
    clearTimeout(this.#heartbeatTimer);
    this.#outbox.close();
    this.#batch = null;
    this.#abort.abort();
    this.#setState(delivery);
    for (const { resolve } of this.#flushWaiters) resolve(delivery);
    this.#flushWaiters = [];
    this.#makeRoom();
  }

  /** No answer, or one that is not Runcast's, says nothing about what was stored: the numbered batch may be sent again. */
  #isWorthRepeating(problem: RunProblem): boolean {
    const { retry, status } = problem;
    return retry || status === null || status < 400 || this.#options.mayPass?.(problem) === true;
  }
}
