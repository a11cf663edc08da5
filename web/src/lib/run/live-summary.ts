import type { RunEvent } from "../../../../protocol/event.ts";
import { foldSummary, type Summary } from "../../../../protocol/summary.ts";

/**
 * A run's summary as its lines arrive: what the server folded, and the same fold of every line since, so that a count is right the moment
 * its line is here and nothing is asked for twice.
 */
export class LiveSummary {
  readonly #summary: Summary;
  /** The last line that is folded in. */
  #position: number;
  #isCertain: boolean;

  constructor(summary: Summary) {
    this.#summary = structuredClone(summary);
    // Every stored line counts, as an event or as one that does not parse.
    this.#position = summary.event_count + summary.skipped_lines;
    this.#isCertain = !isCut(summary);
  }

  get position(): number {
    return this.#position;
  }

  /** False when the fold cannot go on from what the server gave: a list was cut short, or a line is missing in between. Then it is asked again. */
  get isCertain(): boolean {
    return this.#isCertain;
  }

  /** Plain and new, so that whoever draws it sees that it changed. */
  copy(): Summary {
    return structuredClone(this.#summary);
  }

  /** One line; `event` null when it does not parse. Those folded already change nothing. */
  take(sequence: number, event: RunEvent | null): void {
    if (sequence <= this.#position) return;
    if (sequence > this.#position + 1) this.#isCertain = false;
    this.#position = sequence;
    foldSummary(this.#summary, event);
  }
}

const isCut = ({ steps, metrics, issues, tables, artifacts }: Summary): boolean =>
  [steps, metrics, issues.by_code, tables.input_files, artifacts].some(({ more }) => more > 0);
