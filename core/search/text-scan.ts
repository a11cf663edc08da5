import { LOG_LEVELS, type LogLevel } from "../../protocol/event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { lineType, matchesTypes } from "../../protocol/type-filter.ts";
import { consoleText } from "../reading/console-text.ts";
import { isDamageMark } from "../reading/damage.ts";
import { findRanges } from "./find-ranges.ts";
import { TextLines, type TextLine } from "./text-lines.ts";
import type { TextMatcher, TextRange } from "./text-matcher.ts";

export type LogSearch = {
  matcher: TextMatcher;
  afterSequence: number;
  types: string[] | null;
  stripAnsi: boolean;
  /** Only lines at least this severe. */
  level: LogLevel;
};

/** Something found on the way: a line that matches, or events that cannot be read. */
export type SearchFind =
  | { kind: "hit"; sequence: number; ranges: TextRange[]; hasMore: boolean }
  | { kind: "damaged"; first: number; last: number };

/** Goes over the lines of a log in their order and finds what is looked for in their text. It reads what the text export writes. [SRCH1] */
export class TextScan {
  readonly #search: LogSearch;
  readonly #lines = new TextLines();
  #position: number;
  #damage: { first: number; last: number } | null = null;
  hits = 0;
  /** What it has cost so far, in steps of the matcher. */
  steps = 0;

  constructor(search: LogSearch) {
    this.#search = search;
    this.#position = search.afterSequence;
  }

  /** Every line that ends here or before is searched. Who went on behind an open line would find its rest alone. [SRCH3] */
  get scannedTo(): number {
    return this.#lines.openSince === null ? this.#position : this.#lines.openSince - 1;
  }

  get isFull(): boolean {
    return this.hits >= LIMITS.searchHits;
  }

  *add(sequence: number, line: string): Generator<SearchFind> {
    this.#position = sequence;
    if (isDamageMark(line)) {
      yield* this.#find(this.#lines.end(false));
      this.#damage = { first: this.#damage?.first ?? sequence, last: sequence };
    } else {
      yield* this.damage();
      yield* this.#find(this.#saidIn(sequence, line));
    }
  }

  /** What is damaged and not told yet, neighbours together. */
  *damage(): Generator<SearchFind> {
    if (this.#damage === null) return;
    yield { kind: "damaged", ...this.#damage };
    this.#damage = null;
  }

  /** The line that is open where the log ends for now. */
  *openLine(): Generator<SearchFind> {
    yield* this.#find(this.#lines.end(true));
  }

  #saidIn(sequence: number, line: string): TextLine | null {
    const { types, stripAnsi } = this.#search;
    const type = lineType(line);
    // Nothing follows the end of a run: a line that is open there stays as it is.
    if (type === "run.completed") return this.#lines.end(true);
    if (type !== "console.line" || (types !== null && !matchesTypes(types, type))) return null;
    if (!this.#lines.isOpen && this.#isPassedOver(line)) return null;
    const said = consoleText(line, { stripAnsi });
    return said === null ? null : this.#lines.add(sequence, said);
  }

  /** Most lines need not be parsed: alone they do not say it, and they have no part in another. */
  #isPassedOver(line: string): boolean {
    const { matcher, stripAnsi } = this.#search;
    if (line.includes('"partial":true') || (stripAnsi && line.includes(String.raw`\u001b`))) return false;
    return !matcher.mayBeIn(line);
  }

  *#find(line: TextLine | null): Generator<SearchFind> {
    if (line === null || line.severity < LOG_LEVELS.indexOf(this.#search.level)) return; // [SRCH6]
    const { ranges, hasMore, steps } = findRanges(line, this.#search.matcher);
    this.steps += steps;
    if (ranges === null) return;
    this.hits += 1;
    yield { kind: "hit", sequence: line.sequence, ranges, hasMore };
  }
}
