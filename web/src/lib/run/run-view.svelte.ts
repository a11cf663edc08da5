import type { RuncastApi, RunProblem } from "../../../../client/api.ts";
import type { RunWithText } from "../../../../client/run-with-text.ts";
import { watchRun, type Connection, type RunWatch, type WatchedLine } from "../../../../client/watch-run.ts";
import type { RunEvent } from "../../../../protocol/event.ts";
import { parseLine } from "../../../../protocol/ndjson.ts";
import { blockOf, LogLines, type SequenceRange } from "../console/log-lines.ts";
import { LogRows } from "../console/log-rows.ts";
import { ConnectionNews, newsOf } from "../toasts/connection-news.ts";
import { toasts } from "../toasts/toasts.svelte.ts";
import { pageVersion } from "../ui/page-version.svelte.ts";
import { EventFeedView } from "./event-feed.svelte.ts";
import { oncePerFrame } from "./frame-clock.ts";
import { LiveRun } from "./live-run.ts";
import { LogPages, readLinesOf, splitLines } from "./log-pages.ts";
import { LogText } from "./log-text.ts";
import { askerOf, historyOf } from "./metrics/metric-history.ts";
import { MetricsView } from "./metrics/metrics-view.svelte.ts";
import { ReceivedHash } from "./received-hash.ts";
import { RunSummary } from "./run-summary.svelte.ts";
import { NOT_VERIFIED, type Verification } from "./seal.ts";

/** Lines brought by the watch when one opens a long run; all before them are fetched when one looks there. */
const OPEN_WITH_LINES = 5_000;

/** What a run says besides its output: steps, who asked for what. A run that has more of it is read in the console. */
const TIMELINE_EVENTS = 5_000;
const TIMELINE = ["step.*", "run.error", "control.requested", "producer.*", "log.*"] as const;
/** On their own: a run of many thousands must not push its steps out. */
const ISSUES = ["run.validation.issue"] as const;
/** Whoever opens a run waits for its summary no longer than this. */
const SUMMARY_MS = 400;
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const CLOSE_NO_SUCH_RUN = 4404;

/**
 * One run on the page: what is known of it, its lines, and the connection. Lines are stored the moment they come; the page is told at
 * most once a frame, however many there were.
 */
export class RunView {
  readonly runId: string;
  /** Shows the console at this event and marks it, wherever one is on the run's page. */
  readonly goToSequence: (sequence: number) => void;
  readonly log = new LogLines();
  readonly rows = new LogRows(this.log);
  readonly text: LogText;
  readonly summary: RunSummary;
  readonly timeline: EventFeedView;
  readonly issues: EventFeedView;
  readonly metrics: MetricsView;
  run: RunWithText | null = $state.raw(null);
  problem: RunProblem | null = $state.raw(null);
  connection: Connection = $state.raw({ kind: "connecting" });
  cancelIsAsked = $state(false);
  /** How many watch, as far as the server says. */
  watchers: number | null = $state.raw(null);
  /** Every line has come, up to the run's end. */
  isComplete = $state(false);
  /** Lines of the stored log that the watch left out. */
  damaged: readonly SequenceRange[] = $state.raw([]);
  /** Of every line, with the end: as this page received them, and as the server says. */
  hashes: { received: string | null; stored: string | null } = $state.raw({ received: null, stored: null });
  verification: Verification = $state.raw(NOT_VERIFIED);
  /** What is no longer on the server: nothing, the stored log, or the whole run. */
  gone: "nothing" | "log" | "run" = $state("nothing");
  /** Why lines one looks at could not be fetched. */
  trouble: string | null = $state.raw(null);
  head = $state(0);
  /** Moves whenever a line that may be in view has come. */
  version = $state(0);
  readonly #api: RuncastApi;
  readonly #pages: LogPages;
  readonly #frame = oncePerFrame(() => this.#show());
  readonly #stopped = new AbortController();
  readonly #news = new ConnectionNews();
  readonly #received = new ReceivedHash();
  /** Lines from here on are new to whoever looks, and not history. */
  #isLive = false;
  #live: LiveRun | null = null;
  #watch: RunWatch | null = null;

  constructor(api: RuncastApi, runId: string, goToSequence: (sequence: number) => void) {
    this.#api = api;
    this.runId = runId;
    this.goToSequence = goToSequence;
    const { signal } = this.#stopped;
    this.summary = new RunSummary(api, runId, signal, this.log);
    this.timeline = new EventFeedView(api, runId, { types: TIMELINE, most: TIMELINE_EVENTS, keep: "first" }, signal);
    this.issues = new EventFeedView(api, runId, { types: ISSUES, most: TIMELINE_EVENTS, keep: "first" }, signal);
    this.metrics = new MetricsView(historyOf(askerOf(api, runId, signal)));
    this.#pages = new LogPages({
      log: this.log,
      read: readLinesOf(api, runId),
      onFilled: ({ first }, lines) => {
        this.rows.joined.fill(
          blockOf(first),
          lines.flatMap(({ line }) => parseLine(line) ?? []),
        );
        this.#frame.request();
      },
      onTrouble: (reason) => (this.trouble = reason),
    });
    this.text = new LogText(this.log, this.rows, this.#pages);
  }

  /** Reads the run, then watches it until `close`. May be called again after a problem. */
  async open(): Promise<void> {
    this.problem = null;
    // Together, so that the page is drawn once, with the columns it will have.
    const [answer] = await Promise.all([
      this.#api.getRun(this.runId, this.#stopped.signal),
      Promise.race([this.summary.read(), after(SUMMARY_MS)]),
    ]);
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
      onState: (connection) => this.#connectionIs(connection),
      onCaughtUp: () => (this.#isLive = true),
      onHello: ({ lastSequence }) => {
        this.log.knowHead(lastSequence);
        this.#frame.request();
      },
      onPresence: ({ count }) => (this.watchers = count),
      onDamaged: (range) => {
        this.damaged = [...this.damaged, range];
        this.log.damage(range);
        for (let sequence = range.first; sequence <= range.last; sequence += 1) {
          this.rows.joined.append(sequence, null);
          this.summary.take(sequence, null);
        }
        this.#frame.request();
      },
      onEnd: ({ lastSequence, sha256 }) => {
        this.hashes = { received: this.#received.of(lastSequence), stored: sha256 };
        this.isComplete = true;
        this.watchers = null;
        void this.refresh();
        void this.summary.read();
      },
    });
  }

  close(): void {
    this.#stopped.abort();
    this.#pages.stop();
    this.summary.close();
    this.metrics.close();
    this.#frame.cancel();
  }

  /** Asks the server for the run again: it knows what the lines do not say. */
  async refresh(): Promise<void> {
    const answer = await this.#api.getRun(this.runId, this.#stopped.signal);
    if (answer.kind === "problem" || this.#live === null) return;
    this.#live.correct(answer.value);
    this.#frame.request();
  }

  /** One looks at these rows, and at those ahead next: what they show is kept, fetched if it is not here, and others may see where one is. */
  look(rows: readonly number[], ahead: readonly number[], follow: boolean): void {
    const [first, last] = [rows.at(0), rows.at(-1)];
    if (first === undefined || last === undefined) return;
    const needed = this.rows.neededFor(rows);
    this.log.keep(needed);
    this.#pages.want(needed, ahead);
    this.#watch?.setView(first, last, follow);
  }

  /** The first event at which the log's time is that or later, else the last there is; null when the server cannot be asked. */
  async findMoment(at: string): Promise<number | null> {
    const answer = await this.#api.readLines(this.runId, new URLSearchParams({ at, limit: "1" }), this.#stopped.signal);
    if (answer.kind === "problem") return null;
    return splitLines(answer.value)[0]?.sequence ?? this.log.head;
  }

  /** Draws more of a line that is too long to be drawn at once. */
  showMore(sequence: number): void {
    this.rows.showMore(sequence);
    this.#frame.request();
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

  /** Has the server read the whole stored log again, and says when it has. */
  async verify(): Promise<void> {
    if (this.verification.isRunning) return;
    this.verification = { ...this.verification, isRunning: true, problem: null };
    const answer = await this.#api.verifyRun(this.runId, this.#stopped.signal);
    this.verification =
      answer.kind === "ok"
        ? { ...NOT_VERIFIED, answer: { at: Date.now(), proof: answer.value } }
        : { ...this.verification, isRunning: false, problem: answer.problem.detail };
    // What it found is the run's, too.
    void this.refresh();
  }

  /** Somebody has edited the run, here or elsewhere. */
  edited(run: RunWithText): void {
    this.#live?.edit(run);
    this.#frame.request();
  }

  /** At once on the page; taken back, and said, if the server refuses. */
  async togglePin(): Promise<void> {
    if (this.run === null) return;
    const before = this.run;
    this.edited({ ...before, pinned: !before.pinned });
    const answer = await this.#api.editRun(this.runId, { pinned: !before.pinned });
    if (answer.kind === "ok") return;
    this.edited(before);
    toasts.failed(`The run could not be ${before.pinned ? "unpinned" : "pinned"}`, answer.problem.detail);
  }

  #take(live: LiveRun, lines: WatchedLine[]): void {
    this.log.append(lines);
    this.#received.take(lines);
    live.take(lines);
    const events = lines.map(({ event }) => event);
    for (const event of events) {
      this.rows.joined.append(event.sequence, event);
      this.summary.take(event.sequence, event);
      if (this.#isLive) this.#tell(event);
    }
    this.timeline.take(events);
    this.issues.take(events);
    this.metrics.take(events);
    this.#frame.request();
  }

  /** One code for both: the run was deleted, or its stored log is missing while all else is there. */
  async #lookWhatIsGone(): Promise<void> {
    const answer = await this.#api.getRun(this.runId, this.#stopped.signal);
    this.gone = answer.kind === "ok" ? "log" : "run";
    // Placeholders would promise lines that never come.
    if (this.gone === "log") this.log.damage({ first: this.log.delivered + 1, last: this.log.head });
    this.#frame.request();
  }

  #tell(event: RunEvent): void {
    const news = newsOf(event);
    if (news !== null) toasts.say(news);
    // Whether it can be kept up with, only the server sums up.
    if (event.type === "log.degraded" || event.type === "log.recovered") void this.refresh();
  }

  #connectionIs(connection: Connection): void {
    this.connection = connection;
    if (connection.kind === "refused" && connection.code === CLOSE_NO_SUCH_RUN) void this.#lookWhatIsGone();
    const news = this.#news.next(connection.kind);
    if (news === null) return;
    toasts.say(news);
    void this.refresh();
    pageVersion.check();
  }

  #show(): void {
    this.head = this.log.head;
    this.version += 1;
    if (this.#live === null) return;
    this.run = this.#live.run;
    this.cancelIsAsked = this.#live.cancelIsAsked;
  }
}
