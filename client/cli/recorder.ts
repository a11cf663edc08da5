import { setTimeout as sleep } from "node:timers/promises";
import type { CreateRun, Run } from "../../protocol/api.ts";
import type { ControlRequest } from "../../protocol/control.ts";
import { cutText } from "../../protocol/ndjson.ts";
import { RuncastApi } from "../api.ts";
import { retryDelayMs } from "../backoff.ts";
import { randomId } from "../random-id.ts";
import { RunProducer } from "../run-producer.ts";
import type { Delivery, ProducerEvent, ProducerState, RunEnding } from "../run-producer.ts";
import { withResolvers } from "../with-resolvers.ts";
import { explain } from "./explain.ts";
import type { Masks } from "./masking/masks.ts";
import type { Server } from "./server.ts";
import type { Voice } from "./voice.ts";

/** The command is slowed down beyond this, as long as the server takes what it is sent. */
const SLOW_DOWN_BYTES = 8 * 1024 * 1024;
/** The most that is kept for a server that cannot be reached. */
const KEEP_BYTES = 64 * 1024 * 1024;
/** A server that takes nothing for this long no longer slows the command down. */
const PATIENCE_MS = 5_000;
/** After the command's end, without anything being delivered. */
const LAST_WAIT_MS = 10_000;
/** However slowly the rest is taken. */
const LAST_WAIT_TOTAL_MS = 60_000;
/** A server that was never there is not waited for as long as one that was. */
const LAST_WAIT_UNMET_MS = 2_000;
/** One hiccup is not worth a line on somebody's terminal. */
const TELL_AFTER_ATTEMPTS = 3;
/** Escaped once more, the longest event would not fit into a line. */
const REFUSED_LINE_CHARS = 40_000;
const NAME_CHARS = 200;
const CREATE_BACKOFF = { firstMs: 200, maxMs: 3_000 };
export const LEASE_SECONDS = 60;
export const END_AFTER_SECONDS = 86_400;

export type RecorderOptions = {
  server: Server;
  workspaceId: string;
  run: CreateRun;
  /** Whatever is sent has passed through them. */
  masks: Masks;
  voice: Voice;
  /** Somebody wants the run to stop: by a request, or because it was ended over our head. */
  onCancel: () => void;
};

/** Records a command's output as a run, and never stands in its way: every trouble becomes a line on standard error. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #api: RuncastApi;
  readonly #producer: RunProducer;
  readonly #runId = withResolvers<string>();
  readonly #firstTry = withResolvers<void>();
  readonly #gaveUp = new AbortController();
  #run: Run | null = null;
  #lines = 0;
  #dropped = 0;
  /** Dropped since the last line that was kept. */
  #gap = 0;
  #finishing = false;
  readonly #hurried = new AbortController();
  #trouble: "none" | "told" | "final" = "none";
  readonly #slowDown = new SlowDown();

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { url, token } = options.server;
    this.#api = new RuncastApi({ url, ...(token === undefined ? {} : { token }) });
    this.#producer = new RunProducer({
      url,
      ...(token === undefined ? {} : { token }),
      runId: this.#runId.promise,
      source: "cli",
      bufferBytes: SLOW_DOWN_BYTES,
      onControl: (request) => this.#obey(request),
      onState: (state) => this.#changed(state),
      // The server's judgement of an event is final, but the line is somebody's output.
      replaceRefused: (line) => consoleEvent("stdout", cutText(line, REFUSED_LINE_CHARS)),
    });
    void this.#create();
  }

  /** Settles after the first try to create the run, whatever came of it. */
  get firstTry(): Promise<void> {
    return this.#firstTry.promise;
  }

  /** Takes an event. A returned promise asks the caller to hold the command's output back until it settles. */
  write(event: ProducerEvent): Promise<void> | undefined {
    const masked = this.#options.masks.value(event);
    return this.#take((producer) => producer.write(masked));
  }

  /** The same for an event that is text already, and has been masked. */
  writeLine(maskedLine: string): Promise<void> | undefined {
    return this.#take((producer) => producer.writeLine(maskedLine));
  }

  /** The same for a line of output, which has been masked. */
  writeConsole(maskedEvent: ProducerEvent): Promise<void> | undefined {
    this.#lines += 1;
    return this.#take((producer) => producer.write(maskedEvent));
  }

  /** The run's id, once the server has made it; null when it does not in time. */
  async created(): Promise<string | null> {
    await Promise.race([this.#runId.promise, this.#loseHope()]);
    return this.#run?.run_id ?? null;
  }

  /** Waits a little for everything written so far to be stored. */
  async flush(): Promise<void> {
    await Promise.race([this.#producer.flush(), this.#loseHope()]);
  }

  /** Ends the run, waits a little for what is not delivered yet, and says what never will be. */
  async finish(ending: RunEnding): Promise<void> {
    this.#markGap();
    this.#finishing = true;
    const masked = this.#options.masks.value(ending);
    const delivery = await Promise.race([this.#producer.end(masked), this.#loseHope()]);
    this.#gaveUp.abort();
    this.#producer.stop();
    this.#report(delivery, masked);
  }

  /** Somebody does not want to wait for the rest. */
  hurry(): void {
    this.#hurried.abort();
  }

  /** Aborted when nobody wants to wait for the rest. */
  get hurried(): AbortSignal {
    return this.#hurried.signal;
  }

  /** When nothing has been delivered for a while. A server that is slow but takes what it is sent is waited for longer. */
  async #loseHope(): Promise<null> {
    const patienceMs = this.#run === null ? LAST_WAIT_UNMET_MS : LAST_WAIT_MS;
    const begunAt = Date.now();
    let left = this.#producer.pendingEvents;
    let movedAt = begunAt;
    while (
      !this.#hurried.signal.aborted &&
      this.#trouble !== "final" &&
      Date.now() - movedAt < patienceMs &&
      Date.now() - begunAt < LAST_WAIT_TOTAL_MS
    ) {
      await sleep(100, null, { ref: false });
      if (this.#producer.pendingEvents < left) movedAt = Date.now();
      left = this.#producer.pendingEvents;
    }
    return null;
  }

  #take(write: (producer: RunProducer) => Promise<void>): Promise<void> | undefined {
    if (this.#producer.pendingBytes > KEEP_BYTES) {
      this.#gap += 1;
      this.#dropped += 1;
      return undefined;
    }
    this.#markGap();
    const room = write(this.#producer);
    if (this.#producer.pendingBytes <= SLOW_DOWN_BYTES) return undefined;
    return this.#slowDown.isUseful ? this.#slowDown.until(room) : undefined;
  }

  /** The log itself says where something is missing. */
  #markGap(): void {
    if (this.#gap === 0) return;
    const message = `[runcast] ${countLines(this.#gap)} missing here: the server could not be reached for too long`;
    this.#gap = 0;
    void this.#producer.write(consoleEvent("stderr", message, "warning"));
  }

  /** Tries until the server answers: with one key, so that an answer that was lost does not make a second run. */
  async #create(): Promise<void> {
    const { run, masks, workspaceId, server, voice } = this.#options;
    // Cut when it is masked: half a secret is not found.
    const { name, ...rest } = masks.value(run);
    const body = name === undefined ? rest : { ...rest, name: cutText(name, NAME_CHARS) };
    const key = randomId();
    for (let attempt = 1; !this.#gaveUp.signal.aborted; attempt += 1) {
      const answer = await this.#api.createRun(workspaceId, body, key, this.#gaveUp.signal);
      if (answer.kind === "ok") {
        this.#run = answer.value;
        const { run_id, watch_url } = answer.value;
        voice.report({ event: "watching", run_id, watch_url }, `watch at ${watch_url}`);
        this.#recovered();
        this.#runId.resolve(answer.value.run_id);
        break;
      }
      if (this.#gaveUp.signal.aborted) break;
      const { problem } = answer;
      if (!problem.retry) {
        this.#fail(`${explain(problem, server, { workspaceId })} The command runs unwatched.`);
        this.#producer.stop();
        break;
      }
      this.#tell(`${explain(problem, server)} The command runs unwatched until it does; its output is kept meanwhile.`);
      this.#firstTry.resolve();
      const delayMs = Math.max(
        retryDelayMs(attempt, CREATE_BACKOFF, Math.random),
        Math.min(problem.retryAfterMs ?? 0, 30_000),
      );
      await sleep(delayMs, null, { signal: this.#gaveUp.signal }).catch(() => null);
    }
    this.#firstTry.resolve();
  }

  #changed(state: ProducerState): void {
    const { server } = this.#options;
    switch (state.kind) {
      case "delivering":
        return this.#recovered();
      case "retrying":
        this.#slowDown.end();
        if (state.attempt < TELL_AFTER_ATTEMPTS) return;
        return this.#tell(`${explain(state.problem, server)} The command goes on; its output is kept and sent later.`);
      case "refused":
        this.#slowDown.end();
        if (state.problem.code === "RUN_ENDED") return void this.#learnEnd();
        return this.#fail(`${explain(state.problem, server, this.#about())} The command goes on unwatched.`);
      case "stored":
      case "stopped":
        return;
    }
  }

  #about(): { runId?: string } {
    return this.#run === null ? {} : { runId: this.#run.run_id };
  }

  /** It was ended over our head: by force, which means the command too, or because it had been given up for lost. */
  async #learnEnd(): Promise<void> {
    const answer = this.#run === null ? null : await this.#api.getRun(this.#run.run_id, this.#gaveUp.signal);
    const cancelled = answer?.kind === "ok" && answer.value.status === "cancelled";
    this.#fail(
      cancelled ? "the run was cancelled." : "the run was ended by the server; the command goes on unwatched.",
    );
    if (cancelled) this.#options.onCancel();
  }

  #obey(request: ControlRequest): void {
    const accepted = request.action === "cancel";
    // The end is on its way already, and it is the last event.
    if (this.#finishing) return;
    if (accepted) {
      this.#options.voice.say(
        `${request.by} cancels the run${request.reason === undefined ? "" : `: ${request.reason}`}`,
      );
    }
    void this.#producer.write({
      type: "control.acknowledged",
      source: "cli",
      payload: { control_id: request.control_id, outcome: accepted ? "accepted" : "unsupported" },
    });
    if (accepted) this.#options.onCancel();
  }

  #tell(text: string): void {
    this.#slowDown.end();
    if (this.#trouble !== "none") return;
    this.#trouble = "told";
    this.#options.voice.say(text);
  }

  #fail(text: string): void {
    this.#slowDown.end();
    if (this.#trouble === "final") return;
    this.#trouble = "final";
    this.#options.voice.say(text);
  }

  #recovered(): void {
    this.#slowDown.begin();
    if (this.#trouble !== "told") return;
    this.#trouble = "none";
    this.#options.voice.say("the server answers again; what was kept is being sent.");
  }

  #report(delivery: Delivery | null, { status, exit_code }: RunEnding): void {
    // The last event is the end, which is no line.
    const unsent = delivery?.kind === "stored" ? 0 : Math.max(0, this.#producer.pendingEvents - 1);
    const lost = Math.min(this.#lines, unsent + this.#dropped);
    this.#options.voice.report(
      {
        event: "ended",
        run_id: this.#run?.run_id ?? null,
        status,
        exit_code: exit_code ?? 0,
        delivered: delivery?.kind === "stored" && lost === 0,
        lines_lost: lost,
      },
      this.#lossInWords(delivery, lost),
    );
  }

  #lossInWords(delivery: Delivery | null, lost: number): string | null {
    if (delivery?.kind === "stored") return lost > 0 ? `${countLines(lost)} missing from the log.` : null;
    if (this.#trouble === "final") return lost > 0 ? `${countLines(lost)} not delivered.` : null;
    return `${this.#options.server.url} could not be reached in time: ${countLines(lost)} not delivered.`;
  }
}

/**
 * Whether the command is to wait for the server. Only for one that takes what it is sent: not for one in trouble, nor for one that has let
 * it wait for too long.
 */
class SlowDown {
  isUseful = true;
  #over = withResolvers<void>();
  #wait: { room: Promise<void>; over: Promise<void> } | null = null;

  begin(): void {
    if (this.isUseful) return;
    this.isUseful = true;
    this.#over = withResolvers<void>();
  }

  end(): void {
    this.isUseful = false;
    this.#over.resolve();
  }

  /** For all the lines that find no room it is one wait. */
  until(room: Promise<void>): Promise<void> {
    if (this.#wait?.room !== room) this.#wait = { room, over: this.#waitFor(room) };
    return this.#wait.over;
  }

  async #waitFor(room: Promise<void>): Promise<void> {
    const patience = setTimeout(() => this.end(), PATIENCE_MS);
    await Promise.race([room, this.#over.promise]);
    clearTimeout(patience);
    this.#wait = null;
  }
}

const countLines = (count: number): string => (count === 1 ? "1 line is" : `${count} lines are`);

const consoleEvent = (stream: "stdout" | "stderr", message: string, level?: "warning"): ProducerEvent => ({
  type: "console.line",
  payload: { stream, message, ...(level === undefined ? {} : { level }) },
});
