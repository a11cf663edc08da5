import type { RuncastApi, RunProblem } from "../../../../client/api.ts";
import type { Connection } from "../../../../client/connection-state.ts";
import { watchWorkspace } from "../../../../client/watch-workspace.ts";
import type { Run } from "../../../../protocol/api.ts";
import { oncePerFrame } from "../run/frame-clock.ts";
import { addPage, firstPage, NO_RUNS, removeRun, showWaiting, takeChanges, type ListedRuns } from "./run-list.ts";
import { isEverything, matchesFilter, type RunsFilter } from "./runs-filter.ts";

const PAGE_RUNS = 50;

/** The runs of a workspace, as the server lists them and the socket keeps them. */
export class RunsView {
  readonly workspaceId: string;
  list: ListedRuns = $state.raw(NO_RUNS);
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
  #filter: RunsFilter = { statuses: [], text: "" };
  #loading: AbortController | null = null;
  #changes: Run[] = [];
  #wasEmpty = false;

  constructor(api: RuncastApi, workspaceId: string) {
    this.#api = api;
    this.workspaceId = workspaceId;
  }

  /** Begins to listen. `load` fills the list. */
  open(): void {
    let connections = 0;
    watchWorkspace({
      url: location.origin,
      workspaceId: this.workspaceId,
      signal: this.#stopped.signal,
      onHello: () => {
        connections += 1;
        // What ended while the connection was away is not told again.
        if (connections > 1) void this.load(this.#filter);
      },
      onRun: (run) => {
        this.#changes.push(run);
        this.#frame.request();
      },
      onRunDeleted: (runId) => (this.list = removeRun(this.list, runId)),
      onState: (connection) => (this.connection = connection),
    });
  }

  close(): void {
    this.#stopped.abort();
    this.#loading?.abort();
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

  #query(): { status: string[]; q?: string; limit: number } {
    const text = this.#filter.text.trim();
    return { status: [...this.#filter.statuses], ...(text === "" ? {} : { q: text }), limit: PAGE_RUNS };
  }

  #takeChanges(): void {
    // What is told while the list is being read is laid over it afterwards.
    if (this.isLoading || this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.list = takeChanges(this.list, changes, {
      matches: (run) => matchesFilter(run, this.#filter),
      hold: this.hold,
    });
    if (this.#wasEmpty) this.firstRun = this.list.rows[0] ?? this.list.waiting[0] ?? null;
  }
}
