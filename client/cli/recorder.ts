import type { Run } from "../../protocol/api.ts";
import type { ControlRequest } from "../../protocol/control.ts";
import { cutText } from "../../protocol/ndjson.ts";
import { RuncastApi } from "../api.ts";
import { encodeEvent } from "../producer-event.ts";
import { randomId } from "../random-id.ts";
import { RunProducer } from "../run-producer.ts";
import type { Delivery, ProducerEvent, ProducerState, RunEnding } from "../run-producer.ts";
import type { NewRun } from "../run-with-text.ts";
import { withResolvers } from "../with-resolvers.ts";
import { consoleEvent, fullInWords, gapEvents, lossInWords, SOURCE } from "./delivery-words.ts";
import type { Loss } from "./delivery-words.ts";
import { explain, isAboutToken } from "./explain.ts";
import { makeRun } from "./make-run.ts";
import { maskedRun } from "./masking/masked-run.ts";
import type { Masks } from "./masking/masks.ts";
import { idleMsOf, loseHope } from "./patience.ts";
import { patientApi } from "./patient-api.ts";
import type { Server } from "./server.ts";
import { SlowDown } from "./slow-down.ts";
import { startSpool } from "./spool/start-spool.ts";
import type { StartedSpool } from "./spool/start-spool.ts";
import type { Voice } from "./voice.ts";

/** The command is slowed down beyond this, as long as the server takes what it is sent. */
const SLOW_DOWN_BYTES = 8 * 1024 * 1024;
/** The most that is kept in memory for a server that cannot be reached. */
const MEMORY_BYTES = 64 * 1024 * 1024;
/** A server that was never there is not waited for as long as one that was. */
const LAST_WAIT_UNMET_MS = 2_000;
/** One hiccup is not worth a line on somebody's terminal. */
const TELL_AFTER_ATTEMPTS = 3;
/** Escaped once more, the longest event would not fit into a line. */
const REFUSED_LINE_CHARS = 40_000;
export const LEASE_SECONDS = 60;
export const END_AFTER_SECONDS = 86_400;

export type RecorderOptions = {
  kind: "run" | "pipe";
  server: Server;
  environment: NodeJS.ProcessEnv;
  workspaceId: string;
  run: NewRun;
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
  readonly #spool: StartedSpool | null;
  readonly #wanted: { workspaceId: string; run: NewRun; key: string };
  readonly #runId = withResolvers<string>();
  readonly #firstTry = withResolvers<void>();
  readonly #gaveUp = new AbortController();
  #run: Run | null = null;
  #lines = 0;
  #dropped = 0;
  #lostWithMemory = 0;
  #isPutOff = false;
  /** Dropped since the last line that was kept. */
  #gap = 0;
  #finishing = false;
  readonly #hurried = new AbortController();
  #trouble: "none" | "told" | "final" = "none";
  readonly #slowDown = new SlowDown();

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { url, token } = options.server;
    this.#wanted = { workspaceId: options.workspaceId, run: maskedRun(options.run, options.masks), key: randomId() };
    const producerId = randomId();
    const onMissing = (lines: number) => (this.#dropped += lines);
    this.#spool = startSpool({ ...options, ...this.#wanted, producerId, onMissing });
    this.#api = new RuncastApi({ url, ...(token === undefined ? {} : { token }) });
    this.#producer = new RunProducer({
      url,
      ...(token === undefined ? {} : { token }),
      runId: this.#runId.promise,
      producerId,
      ...(this.#spool === null ? {} : { outbox: this.#spool.outbox }),
      // A token may have run out in the middle: with a better one the rest is delivered later.
      mayPass: (problem) => this.#spool !== null && isAboutToken(problem),
      source: SOURCE,
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

  /** Everything written so far outlives this process from now on. */
  keep(): void {
    this.#spool?.outbox.flush();
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
    if (delivery === null) this.#rescue(masked);
    this.#isPutOff = this.#isRefusedForNow;
    this.#gaveUp.abort();
    this.#producer.stop();
    this.#leaveSpool(delivery);
    this.#report(delivery, masked);
  }

  /** Somebody does not want to wait for the rest. */
  hurry(): void {
    this.#hurried.abort();
  }

  get hurried(): AbortSignal {
    return this.#hurried.signal;
  }

  /** When nothing has been delivered for a while. A server that is slow but takes what it is sent is waited for longer. */
  #loseHope(): Promise<null> {
    const isOver = () => this.#hurried.signal.aborted || this.#trouble === "final" || this.#isRefusedForNow;
    const idleMs = () => (this.#run === null ? LAST_WAIT_UNMET_MS : idleMsOf(this.#producer.state));
    return loseHope(() => this.#producer.pendingEvents, idleMs, isOver);
  }

  get #isRefusedForNow(): boolean {
    const { state } = this.#producer;
    return state.kind === "retrying" && isAboutToken(state.problem);
  }

  #take(write: (producer: RunProducer) => Promise<void>): Promise<void> | undefined {
    if (this.#isFull) {
      if (this.#dropped === 0) this.#options.voice.say(fullInWords(this.#producer.pendingBytes));
      this.#gap += 1;
      this.#dropped += 1;
      return undefined;
    }
    this.#markGap();
    const room = write(this.#producer);
    if (this.#producer.pendingBytes <= SLOW_DOWN_BYTES) return undefined;
    return this.#slowDown.isUseful ? this.#slowDown.until(room) : undefined;
  }

  get #isFull(): boolean {
    if (this.#spool === null) return this.#producer.pendingBytes > MEMORY_BYTES;
    const { maxBytes, outbox } = this.#spool;
    return this.#producer.pendingBytes > maxBytes || outbox.bytesInMemory > MEMORY_BYTES;
  }

  /** The log itself says where something is missing. */
  #markGap(): void {
    if (this.#gap === 0) return;
    for (const event of gapEvents(this.#gap)) void this.#producer.write(event);
    this.#gap = 0;
  }

  async #create(): Promise<void> {
    const { server, voice, workspaceId } = this.#options;
    const made = await makeRun(this.#api, this.#wanted, this.#gaveUp.signal, (problem) => {
      this.#tell(`${explain(problem, server)} The command runs unwatched until it does; its output is kept meanwhile.`);
      this.#firstTry.resolve();
    });
    switch (made.kind) {
      case "made": {
        const { run_id, watch_url } = made.run;
        this.#run = made.run;
        // Before anything is sent to it: who resumes must not make another.
        this.#spool?.outbox.setRunId(run_id);
        voice.report({ event: "watching", run_id, watch_url }, `watch at ${watch_url}`);
        this.#recovered();
        this.#runId.resolve(run_id);
        break;
      }
      case "refused":
        this.#fail(`${explain(made.problem, server, { workspaceId })} The command runs unwatched.`);
        this.#producer.stop();
        break;
      case "given_up":
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

  /** The disk took no more, and what is in memory goes: how the command ended is to be told all the same, if there is room by now. */
  #rescue(ending: RunEnding): void {
    const outbox = this.#spool?.outbox;
    if (outbox === undefined || outbox.linesInMemory === 0) return;
    this.#lostWithMemory = outbox.linesInMemory - 1;
    const end: ProducerEvent = { type: "run.completed", payload: { ...ending } };
    outbox.replaceMemory([...gapEvents(this.#lostWithMemory), end].map((event) => encodeEvent(event, SOURCE)));
  }

  /** What can still be delivered stays; what nobody will ever take goes. */
  #leaveSpool(delivery: Delivery | null): void {
    if (this.#spool === null) return;
    const isLeft = delivery === null ? this.#trouble !== "final" : this.#isTakenOver;
    if (!isLeft) this.#spool.remove();
  }

  /** Somebody resumes it while we are still here, and is at it now. */
  get #isTakenOver(): boolean {
    const { state } = this.#producer;
    return state.kind === "refused" && state.problem.code === "PRODUCER_FENCED";
  }

  #about(): { runId?: string } {
    return this.#run === null ? {} : { runId: this.#run.run_id };
  }

  /** It was ended over our head: by force, which means the command too, or because it had been given up for lost. */
  async #learnEnd(): Promise<void> {
    const { server, voice } = this.#options;
    const api = patientApi(server, voice);
    const answer = this.#run === null ? null : await api.getRun(this.#run.run_id, this.#gaveUp.signal);
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
    const loss = this.#lossOf(delivery);
    const counts = { lines_lost: loss.lost, lines_kept: loss.kept };
    this.#options.voice.report(
      {
        event: "ended",
        run_id: this.#run?.run_id ?? null,
        status,
        exit_code: exit_code ?? 0,
        delivered: loss.kind === "delivered" && loss.lost === 0,
        ...counts,
      },
      lossInWords(loss, this.#options.server.url),
    );
  }

  #lossOf(delivery: Delivery | null): Loss {
    if (delivery?.kind === "stored") return { kind: "delivered", lost: this.#dropped, kept: 0 };
    // The last event is the end, which is no line.
    const unsent = Math.max(0, this.#producer.pendingEvents - 1);
    if (this.#spool === null || this.#trouble === "final") {
      const kind = this.#trouble === "final" ? "refused" : "unreached";
      return { kind, lost: Math.min(this.#lines, unsent + this.#dropped), kept: 0 };
    }
    const onDisk = Math.max(0, unsent - this.#lostWithMemory);
    const lost = Math.min(this.#lines, unsent - onDisk + this.#dropped);
    return { kind: this.#isPutOff ? "put_off" : "kept", lost, kept: Math.min(this.#lines, onDisk) };
  }
}
