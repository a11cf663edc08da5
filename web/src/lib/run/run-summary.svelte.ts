import type { RuncastApi } from "../../../../client/api.ts";
import type { RunEvent } from "../../../../protocol/event.ts";
import { parseLine } from "../../../../protocol/ndjson.ts";
import type { Summary } from "../../../../protocol/summary.ts";
import type { LogLines } from "../console/log-lines.ts";
import { LiveSummary } from "./live-summary.ts";

/** A count that moves more often than this is only a flicker. */
const DRAW_EVERY_MS = 200;
/** A summary that cannot be folded on is asked for again at most this often. */
const AGAIN_MS = 3_000;

/** The run's summary: read once, then folded on with every line that comes. */
export class RunSummary {
  summary: Summary | null = $state.raw(null);
  problem: string | null = $state.raw(null);
  readonly #api: RuncastApi;
  readonly #runId: string;
  readonly #signal: AbortSignal;
  readonly #log: LogLines;
  #live: LiveSummary | null = null;
  #drawing: ReturnType<typeof setTimeout> | undefined;
  #reading: Promise<void> | null = null;
  #readAt = 0;

  constructor(api: RuncastApi, runId: string, signal: AbortSignal, log: LogLines) {
    this.#api = api;
    this.#runId = runId;
    this.#signal = signal;
    this.#log = log;
  }

  /** Asks the server; several askers share one answer. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = null));
    return this.#reading;
  }

  take(sequence: number, event: RunEvent | null): void {
    if (this.#live === null) return;
    this.#live.take(sequence, event);
    this.#drawing ??= setTimeout(() => this.#draw(), DRAW_EVERY_MS);
  }

  close(): void {
    clearTimeout(this.#drawing);
  }

  #draw(): void {
    this.#drawing = undefined;
    if (this.#live === null) return;
    if (this.#live.isCertain) this.summary = this.#live.copy();
    else if (Date.now() - this.#readAt >= AGAIN_MS) void this.read();
    else this.#drawing = setTimeout(() => this.#draw(), AGAIN_MS);
  }

  async #read(): Promise<void> {
    this.#readAt = Date.now();
    const answer = await this.#api.getSummary(this.#runId, this.#signal);
    if (this.#signal.aborted) return;
    if (answer.kind === "problem") {
      this.problem = answer.problem.detail;
      return;
    }
    const live = new LiveSummary(answer.value);
    // Lines that were here before the answer was.
    for (const { sequence, line } of this.#log.arrivedAfter(live.position))
      live.take(sequence, line === null ? null : parseLine(line));
    this.#live = live;
    this.summary = live.copy();
    this.problem = null;
  }
}
