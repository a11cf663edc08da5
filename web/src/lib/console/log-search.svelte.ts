import { searchLog } from "../../../../client/search-log.ts";
import type { LogLevel } from "../../../../protocol/event.ts";
import { LIMITS } from "../../../../protocol/limits.ts";
import type { SearchLine } from "../../../../protocol/search.ts";
import { SearchHits } from "./search-hits.ts";

export type SearchFor = { query: string; isExpression: boolean; isCaseSensitive: boolean; level: LogLevel };

/** What every line has, to look for those of a level. */
const ANYTHING = { query: "^", isExpression: true };
export const looksForNothing = ({ query, level }: SearchFor): boolean => query === "" && level === "debug";
export type SearchState =
  | { kind: "idle" }
  | { kind: "searching" }
  /** All there was has been searched. */
  | { kind: "complete" }
  /** So many were found that it waits to be told to go on. */
  | { kind: "paused" }
  | { kind: "failed"; reason: string; mayTryAgain: boolean };

/** What is found is drawn this often: ten thousand lines come in a second, and each time all their marks are made anew. */
const DRAW_MS = 150;
/** While one types. */
const TYPING_MS = 200;
/** What an open run has said meanwhile is searched this often. */
const TAIL_MS = 1_000;

/** A search of a run's whole log by the server, for as long as the run grows. */
export class LogSearch {
  state: SearchState = $state.raw({ kind: "idle" });
  /** Moves when something was found, or searched in vain. */
  version = $state(0);
  wanted: SearchFor = $state.raw({ query: "", isExpression: false, isCaseSensitive: false, level: "debug" });
  /** The line that one was shown of what is found. */
  current: number | null = $state(null);
  hits = new SearchHits();
  readonly #runId: string;
  #stopped = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #drawTimer: ReturnType<typeof setTimeout> | undefined;
  #pauseAt: number = LIMITS.searchHits;

  constructor(runId: string) {
    this.#runId = runId;
  }

  /** Looks for something else, from the beginning. */
  look(wanted: SearchFor): void {
    this.stop();
    this.wanted = wanted;
    this.hits = new SearchHits();
    this.#pauseAt = LIMITS.searchHits;
    this.version += 1;
    this.state = looksForNothing(wanted) ? { kind: "idle" } : { kind: "searching" };
    if (!looksForNothing(wanted)) this.#timer = setTimeout(() => void this.#search(), TYPING_MS);
  }

  /** After a pause or a failure. */
  goOn(): void {
    if (this.state.kind === "paused") this.#pauseAt = this.hits.count + LIMITS.searchHits;
    else if (this.state.kind !== "failed") return;
    this.state = { kind: "searching" };
    void this.#search();
  }

  /** The log is at least this long: what is new is searched, too. */
  grown(head: number): void {
    if (this.state.kind !== "complete" || head <= this.hits.scannedTo || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#search(), TAIL_MS);
  }

  stop(): void {
    this.current = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    clearTimeout(this.#drawTimer);
    this.#drawTimer = undefined;
    this.#stopped.abort();
    this.#stopped = new AbortController();
  }

  async #search(): Promise<void> {
    this.#timer = undefined;
    const { hits } = this;
    const { signal } = this.#stopped;
    for (let isComplete = false; !isComplete;) {
      if (hits.count >= this.#pauseAt) return this.#is({ kind: "paused" });
      const problem = await searchLog({
        url: location.origin,
        runId: this.#runId,
        ...this.wanted,
        ...(this.wanted.query === "" ? ANYTHING : {}),
        afterSequence: hits.scannedTo,
        signal,
        onFound: (lines) => {
          if (signal.aborted) return;
          for (const line of lines) hits.take(line);
          isComplete ||= lines.some(endsComplete);
          this.#draw();
        },
      });
      if (signal.aborted) return;
      if (problem !== null) {
        // The parameter is what stands in the field.
        const reason = problem.detail.replace(/^q (?=is|may)/, "this ");
        return this.#is({ kind: "failed", reason, mayTryAgain: problem.retry });
      }
    }
    this.#is({ kind: "complete" });
  }

  #draw(): void {
    this.#drawTimer ??= setTimeout(() => {
      this.#drawTimer = undefined;
      this.version += 1;
    }, DRAW_MS);
  }

  #is(state: SearchState): void {
    this.state = state;
    this.version += 1;
  }
}

const endsComplete = (line: SearchLine): boolean => "op" in line && line.op === "end" && line.complete;
