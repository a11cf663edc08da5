import type { RunView } from "../run/run-view.svelte.ts";
import { consoleOptions } from "./console-options.svelte.ts";
import { boundSpans, type ConsoleRow } from "./console-row.ts";
import { foldableSteps, placedSteps, stepAt, type PlacedStep } from "./folds.ts";
import { newRows } from "./follow-tail.ts";
import { LineWindowView } from "./line-window.svelte.ts";
import { LogSearch } from "./log-search.svelte.ts";
import { FoldedRows, ListedRows, rowsAround, type RowOrder } from "./row-order.ts";
import type { Mark } from "./scroll-marks.ts";
import { timeBeside } from "./time-column.ts";
import type { Step } from "../run/steps.ts";

/** Lines shown around each that was found. */
const CONTEXT_ROWS = 2;
/** Rows fetched ahead of one who scrolls. */
const AHEAD_ROWS = 1_000;

export type DrawnRow = {
  row: ConsoleRow;
  /** What stands beside it. */
  time: string;
  /** Of rows that are not all: there are others before it; it is only near what was found. */
  isAfterGap: boolean;
  isContext: boolean;
  /** The step that begins here and can be folded, and how much of it is hidden. */
  fold: { step: PlacedStep; hiddenRows: number | null } | null;
};

/** A run's console: which of its rows are there, in which order, and which of them are drawn. */
export class ConsoleView {
  readonly view: RunView;
  readonly lines: LineWindowView;
  readonly search: LogSearch;
  isSearching = $state(false);
  /** Only what is found, and a little around it. */
  isFiltered = $state(false);
  /** Steps that are folded, by their first event. */
  folded: ReadonlySet<number> = $state.raw(new Set());
  steps: readonly PlacedStep[] = $state.raw([]);
  foldable: ReadonlyMap<number, PlacedStep> = $derived(foldableSteps(this.steps));
  /** Moves when events have turned out to be parts of others. */
  readonly #revision = $derived.by(() => {
    void this.view.version;
    return this.view.rows.joined.revision;
  });
  readonly order: RowOrder = $derived.by(() => {
    const { joined } = this.view.rows;
    void this.#revision;
    if (this.isFiltered) {
      void this.search.version;
      const { sequences } = this.search.hits;
      return new ListedRows(joined, rowsAround(joined, this.view.log.head, sequences, CONTEXT_ROWS));
    }
    const folds = [...this.folded].flatMap((first) => this.foldable.get(first) ?? []);
    const ranges = folds.map(({ first, last }) => ({ first, last: last ?? first }));
    return ranges.length === 0 ? joined : new FoldedRows(joined, ranges);
  });
  readonly isFollowing = $derived.by(() => this.lines.tail.kind === "following");
  /** Rows that have come while one reads elsewhere. */
  readonly fresh = $derived.by(() => {
    void this.view.version;
    return newRows(this.lines.tail, this.view.head, (sequence) => this.view.rows.joined.rowsUpTo(sequence));
  });
  readonly rows: DrawnRow[] = $derived.by(() => {
    // Lines are kept outside the reactive world; the version says that some have come.
    void this.view.version;
    const { first, last } = this.lines.drawn;
    const drawn: ConsoleRow[] = [];
    // Rows that have become parts of others are gone before the window has heard of it.
    const end = Math.min(last, this.order.rowsUpTo(this.view.head) - 1);
    for (let row = first; row <= end; row += 1) drawn.push(this.view.rows.of(this.order.sequenceAt(row)));
    return boundSpans(drawn).map((row, at) => ({
      row,
      time: this.#timeOf(row, drawn[at - 1]),
      fold: this.#foldOf(row),
      ...this.#placeAmongFound(row, drawn[at - 1]),
    }));
  });
  /** The step at the top of the console. */
  readonly step = $derived.by(() => {
    const { top, rows } = this.lines.position;
    return rows === 0 ? null : stepAt(this.steps, this.order.sequenceAt(Math.floor(top)));
  });

  constructor(view: RunView) {
    this.view = view;
    this.lines = new LineWindowView(view.rows.joined);
    this.search = new LogSearch(view.runId);
  }

  placeSteps(steps: readonly Step[]): void {
    this.steps = placedSteps(steps);
  }

  /** Before the page is drawn: which rows there are. */
  update(): void {
    void this.view.version;
    this.lines.wrap(consoleOptions.isWrapped);
    this.lines.reorder(this.order);
    this.lines.update(this.view.head);
  }

  /** Once it is drawn: what one sees is kept, or fetched, and what comes next. */
  look(): void {
    void this.view.version;
    const { first, last } = this.lines.visible;
    const rows = Math.min(last, this.order.rowsUpTo(this.view.head) - 1);
    const sequences: number[] = [];
    for (let row = first; row <= rows; row += 1) sequences.push(this.order.sequenceAt(row));
    const from = this.lines.direction === "up" ? Math.max(0, first - AHEAD_ROWS) : last;
    const ahead = this.isFollowing ? [] : [from, from + AHEAD_ROWS / 2, from + AHEAD_ROWS];
    this.view.look(
      sequences,
      ahead.map((row) => this.order.sequenceAt(row)),
      this.isFollowing,
    );
    if (this.isSearching) this.search.grown(this.view.head);
  }

  show(sequence: number): void {
    this.unfold(sequence);
    // The place is found among the rows as they are now.
    this.update();
    this.lines.show(sequence);
  }

  /** The next line that was found, from the one shown last, or from what is in view. */
  goToHit(direction: 1 | -1): void {
    if (!this.isSearching) return;
    const { top } = this.lines.position;
    const from = this.search.current ?? this.order.sequenceAt(Math.floor(top)) - 1;
    const hit = this.search.hits.next(from, direction);
    if (hit === null) return;
    this.search.current = hit;
    this.show(hit);
  }

  endSearch(): void {
    this.isSearching = false;
    this.isFiltered = false;
    this.search.stop();
  }

  toggleFold(first: number): void {
    this.folded = this.folded.has(first)
      ? new Set([...this.folded].filter((one) => one !== first))
      : new Set([...this.folded, first]);
  }

  get folds(): "none" | "open" | "folded" {
    if (this.foldable.size === 0) return "none";
    return this.folded.size > 0 ? "folded" : "open";
  }

  toggleAllFolds(): void {
    this.folded = this.folded.size > 0 ? new Set() : new Set(this.foldable.keys());
  }

  /** What is asked for must be there to be seen. */
  unfold(sequence: number): void {
    const around = [...this.folded].filter((first) => {
      const step = this.foldable.get(first);
      return step !== undefined && first < sequence && (step.last ?? first) >= sequence;
    });
    if (around.length > 0) this.folded = new Set([...this.folded].filter((first) => !around.includes(first)));
  }

  marks(target: number | null): Mark[] {
    const { order, isSearching, search, view } = this;
    void search.version;
    const rowsOf = (sequences: readonly number[]): number[] => sequences.map((sequence) => order.rowOf(sequence));
    const issues = view.issues.events.filter(isError).map(({ sequence }) => sequence);
    return [
      { kind: "issue", rows: rowsOf(issues) },
      { kind: "hit", rows: isSearching && !this.isFiltered ? rowsOf(search.hits.sequences) : [] },
      { kind: "target", rows: target === null ? [] : rowsOf([target]) },
    ];
  }

  #timeOf(row: ConsoleRow, before: ConsoleRow | undefined): string {
    if (consoleOptions.time === "off" || !("createdAt" in row)) return "";
    const start = this.view.run?.started_at ?? this.view.run?.created_at ?? null;
    return timeBeside(consoleOptions.time, Date.parse(row.createdAt), {
      start: start === null ? null : Date.parse(start),
      before: before !== undefined && "createdAt" in before ? Date.parse(before.createdAt) : null,
    });
  }

  #placeAmongFound(row: ConsoleRow, before: ConsoleRow | undefined): { isAfterGap: boolean; isContext: boolean } {
    if (!this.isFiltered) return { isAfterGap: false, isContext: false };
    const { joined } = this.view.rows;
    const isAfterGap = before !== undefined && joined.rowOf(row.sequence) > joined.rowOf(before.sequence) + 1;
    return { isAfterGap, isContext: this.search.hits.rangesOf(row.sequence) === null };
  }

  #foldOf({ sequence }: ConsoleRow): DrawnRow["fold"] {
    const step = this.isFiltered ? undefined : this.foldable.get(sequence);
    if (step === undefined) return null;
    const { joined } = this.view.rows;
    const hiddenRows = this.folded.has(sequence)
      ? joined.rowsUpTo(step.last ?? sequence) - joined.rowOf(sequence) - 1
      : null;
    return { step, hiddenRows };
  }
}

const isError = ({ payload }: { payload: Record<string, unknown> }): boolean =>
  payload["severity"] === "error" || payload["severity"] === "critical";
