import type { ListRunsQuery, RuncastApi, RunProblem } from "../../../../client/api.ts";
import type { Connection } from "../../../../client/connection-state.ts";
import { watchWorkspace, type WorkspaceWatch } from "../../../../client/watch-workspace.ts";
import type { Run, Stats } from "../../../../protocol/api.ts";
import { oncePerFrame } from "../run/frame-clock.ts";
import { nameOf } from "../run/run-words.ts";
import { ConnectionNews } from "../toasts/connection-news.ts";
import { toasts } from "../toasts/toasts.svelte.ts";
import { pageVersion } from "../ui/page-version.svelte.ts";
import {
  addPage,
  editRun,
  firstPage,
  NO_RUNS,
  removeRun,
  showWaiting,
  takeChanges,
  type ListedRuns,
} from "./run-list.ts";
import { EVERYTHING, filterToQuery, isEverything, matchesFilter, type RunsFilter } from "./runs-filter.ts";

const PAGE_RUNS = 50;
/** The figures are of all runs: asked for again when one has moved, but not for every one of a hundred. */
const STATS_EVERY_MS = 2_000;

/** The runs of a workspace, as the server lists them and the socket keeps them. */
export class RunsView {
  readonly workspaceId: string;
  list: ListedRuns = $state.raw(NO_RUNS);
  /** Of all runs; null until they are known. */
  stats: Stats | null = $state.raw(null);
  connection: Connection = $state.raw({ kind: "connecting" });
  problem: RunProblem | null = $state.raw(null);
  isLoading = $state(true);
  isLoadingMore = $state(false);
  /** A pointer is over the rows: new ones wait. */
  hold = $state(false);
  /** A run that has come into a workspace that had none. */
  firstRun: Run | null = $state.raw(null);
  readonly #api: RuncastApi;
  readonly #stopped = new AbortController();
  readonly #frame = oncePerFrame(() => this.#takeChanges());
  readonly #news = new ConnectionNews();
  readonly #statusById = new Map<string, Run["status"]>();
  #statsTimer: ReturnType<typeof setTimeout> | undefined;
  #statsAt = 0;
  #filter: RunsFilter = EVERYTHING;
  #watch: WorkspaceWatch | null = null;
  #loading: AbortController | null = null;
  #changes: Run[] = [];
  #wasEmpty = false;
  /** A list has been read once: a few runs that the socket tells are none. */
  #isLoaded = false;

  constructor(api: RuncastApi, workspaceId: string) {
    this.#api = api;
    this.workspaceId = workspaceId;
  }

  /** Begins to listen. `load` fills the list. */
  open(): void {
    let connections = 0;
    this.#refreshStats();
    this.#watch = watchWorkspace({
      url: location.origin,
      workspaceId: this.workspaceId,
      signal: this.#stopped.signal,
      onHello: () => {
        connections += 1;
        // What ended while the connection was away is not told again.
        if (connections === 1) return;
        void this.load(this.#filter);
        this.#refreshStats();
      },
      onRun: (run) => {
        if (this.#statusById.get(run.run_id) !== run.status) this.#refreshStats();
        this.#statusById.set(run.run_id, run.status);
        this.#changes.push(run);
        this.#frame.request();
      },
      onRunDeleted: (runId) => {
        this.list = removeRun(this.list, runId);
        this.#refreshStats();
      },
      onState: (connection) => this.#connectionIs(connection),
    });
  }

  close(): void {
    this.#stopped.abort();
    this.#loading?.abort();
    clearTimeout(this.#statsTimer);
    this.#frame.cancel();
  }

  /** Reads the first page for `filter`; an answer to an earlier question that comes late is passed over. */
  async load(filter: RunsFilter): Promise<void> {
    this.#filter = filter;
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    this.isLoading = true;
    const answer = await this.#api.listRuns(this.workspaceId, this.#query(), loading.signal);
    if (loading.signal.aborted) return;
    this.isLoading = false;
    if (answer.kind === "problem") {
      this.problem = answer.problem;
      return;
    }
    this.problem = null;
    this.#isLoaded = true;
    this.list = firstPage(answer.value);
    this.#wasEmpty = answer.value.items.length === 0 && isEverything(filter);
    this.#takeChanges();
  }

  async loadMore(): Promise<void> {
    const cursor = this.list.nextCursor;
    if (cursor === null || this.isLoadingMore || this.#loading === null) return;
    const { signal } = this.#loading;
    this.isLoadingMore = true;
    const answer = await this.#api.listRuns(this.workspaceId, { ...this.#query(), cursor }, signal);
    this.isLoadingMore = false;
    if (signal.aborted) return;
    if (answer.kind === "problem") this.problem = answer.problem;
    else this.list = addPage(this.list, answer.value);
  }

  showWaiting(): void {
    this.list = showWaiting(this.list);
  }

  /** At once on the page; taken back, and said, if the server refuses. */
  async togglePin(run: Run): Promise<void> {
    const { run_id: runId, pinned } = run;
    this.list = editRun(this.list, runId, { pinned: !pinned });
    const answer = await this.#api.editRun(runId, { pinned: !pinned });
    if (answer.kind === "ok") return;
    this.list = editRun(this.list, runId, { pinned });
    toasts.failed(`“${nameOf(run)}” could not be ${run.pinned ? "unpinned" : "pinned"}`, answer.problem.detail);
  }

  retryNow(): void {
    this.#watch?.retryNow();
  }

  #query(): ListRunsQuery {
    return { ...filterToQuery(this.#filter, Date.now()), limit: PAGE_RUNS };
  }

  #connectionIs(connection: Connection): void {
    this.connection = connection;
    const news = this.#news.next(connection.kind);
    if (news === null) return;
    toasts.say(news);
    pageVersion.check();
  }

  #refreshStats(): void {
    this.#statsTimer ??= setTimeout(
      () => {
        this.#statsTimer = undefined;
        void this.#readStats();
      },
      Math.max(0, this.#statsAt + STATS_EVERY_MS - Date.now()),
    );
  }

  async #readStats(): Promise<void> {
    this.#statsAt = Date.now();
    const answer = await this.#api.getStats(this.workspaceId, this.#stopped.signal);
    // Figures that cannot be had leave their places empty; why, the list itself says.
    if (answer.kind === "ok") this.stats = answer.value;
  }

  #takeChanges(): void {
    // What is told while the list is being read is laid over it afterwards.
    if (this.isLoading || !this.#isLoaded || this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.list = takeChanges(this.list, changes, {
      matches: (run) => matchesFilter(run, this.#filter, Date.now()),
      hold: this.hold,
    });
    if (this.#wasEmpty) this.firstRun = this.list.rows[0] ?? this.list.waiting[0] ?? null;
  }
}
