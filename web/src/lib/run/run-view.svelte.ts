import type { RuncastApi, RunProblem } from "../../../../client/api.ts";
import { watchRun, type Connection, type RunWatch, type WatchedLine } from "../../../../client/watch-run.ts";
import type { Run } from "../../../../protocol/api.ts";
import { LogLines, type SequenceRange } from "../console/log-lines.ts";
import { oncePerFrame } from "./frame-clock.ts";
import { LiveRun } from "./live-run.ts";
import { LogPages, readLinesOf } from "./log-pages.ts";

/** Lines brought by the watch when one opens a long run; all before them are fetched when one looks there. */
const OPEN_WITH_LINES = 5_000;

/**
 * One run on the page: what is known of it, its lines, and the connection. Lines are stored the moment they come; the page is told at
 * most once a frame, however many there were.
 */
export class RunView {
  readonly runId: string;
  readonly log = new LogLines();
  run: Run | null = $state.raw(null);
  problem: RunProblem | null = $state.raw(null);
  connection: Connection = $state.raw({ kind: "connecting" });
  cancelIsAsked = $state(false);
  /** How many watch, as far as the server says. */
  watchers: number | null = $state.raw(null);
  /** Every line has come, up to the run's end. */
  isComplete = $state(false);
  hasDamage = $state(false);
  /** Why lines one looks at could not be fetched. */
  trouble: string | null = $state.raw(null);
  head = $state(0);
  /** Moves whenever a line that may be in view has come. */
  version = $state(0);
  readonly #api: RuncastApi;
  readonly #pages: LogPages;
  readonly #frame = oncePerFrame(() => this.#show());
  readonly #stopped = new AbortController();
  #live: LiveRun | null = null;
  #watch: RunWatch | null = null;

  constructor(api: RuncastApi, runId: string) {
    this.#api = api;
    this.runId = runId;
    this.#pages = new LogPages({
      log: this.log,
      read: readLinesOf(runId),
      onFilled: () => this.#frame.request(),
      onTrouble: (reason) => (this.trouble = reason),
    });
  }

  /** Reads the run, then watches it until `close`. May be called again after a problem. */
  async open(): Promise<void> {
    this.problem = null;
    const answer = await this.#api.getRun(this.runId, this.#stopped.signal);
    if (this.#stopped.signal.aborted) return;
    if (answer.kind === "problem") {
      this.problem = answer.problem;
      return;
    }
    const live = new LiveRun(answer.value);
    this.#live = live;
    this.#show();
    this.#watch = watchRun({
      url: location.origin,
      runId: this.runId,
      afterSequence: this.log.watchFrom(answer.value.last_sequence, OPEN_WITH_LINES),
      signal: this.#stopped.signal,
      onLines: (lines) => this.#take(live, lines),
      onState: (connection) => (this.connection = connection),
      onHello: ({ lastSequence }) => {
        this.log.knowHead(lastSequence);
        this.#frame.request();
      },
      onPresence: ({ count }) => (this.watchers = count),
      onDamaged: (range) => {
        this.hasDamage = true;
        this.log.damage(range);
        this.#frame.request();
      },
      onEnd: () => {
        this.isComplete = true;
        this.watchers = null;
        void this.refresh();
      },
    });
  }

  close(): void {
    this.#stopped.abort();
    this.#pages.stop();
    this.#frame.cancel();
  }

  /** Asks the server for the run again: it knows what the lines do not say. */
  async refresh(): Promise<void> {
    const answer = await this.#api.getRun(this.runId, this.#stopped.signal);
    if (answer.kind === "problem" || this.#live === null) return;
    this.#live.correct(answer.value);
    this.#frame.request();
  }

  /** One looks at these lines: they are kept, fetched if they are not here, and others may see it. */
  look(range: SequenceRange, follow: boolean): void {
    if (range.last < range.first) return;
    this.log.keepAround(range);
    this.#pages.want(range);
    this.#watch?.setView(range.first, range.last, follow);
  }

  retryNow(): void {
    this.#watch?.retryNow();
  }

  /** Null when it was asked; else why not, in words. */
  async cancel(options: { reason?: string; force?: boolean }): Promise<string | null> {
    const answer = await this.#api.cancelRun(this.runId, options);
    if (answer.kind === "problem") return answer.problem.detail;
    this.#live?.correct(answer.value);
    this.#frame.request();
    return null;
  }

  #take(live: LiveRun, lines: WatchedLine[]): void {
    this.log.append(lines);
    live.take(lines);
    this.#frame.request();
  }

  #show(): void {
    this.head = this.log.head;
    this.version += 1;
    if (this.#live === null) return;
    this.run = this.#live.run;
    this.cancelIsAsked = this.#live.cancelIsAsked;
  }
}
