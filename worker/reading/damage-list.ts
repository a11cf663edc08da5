import type { LogWindow } from "../../core/ports.ts";
import { isDamageMark } from "../../core/reading/damage.ts";
import { windowLines } from "../../core/reading/read-log.ts";
import { rangeText } from "./event-forms.ts";

/** A header holds so many ranges; whoever has more damage than that is told so by every other means. */
const MOST_IN_A_HEADER = 100;

/** Sequences that cannot be read, neighbours together, in the order they are met. */
export class DamageList {
  #ranges: [first: number, last: number][] = [];

  /** Of the marks in a window. */
  static of(window: LogWindow | null): DamageList {
    const list = new DamageList();
    if (window === null) return list;
    for (const { sequence, line } of windowLines(window)) if (isDamageMark(line)) list.add(sequence);
    return list;
  }

  add(sequence: number): void {
    const last = this.#ranges.at(-1);
    if (last?.[1] === sequence - 1) last[1] = sequence;
    else this.#ranges.push([sequence, sequence]);
  }

  takeAll(): [first: number, last: number][] {
    if (this.#ranges.length === 0) return this.#ranges;
    const ranges = this.#ranges;
    this.#ranges = [];
    return ranges;
  }

  header(): Record<string, string> {
    if (this.#ranges.length === 0) return {};
    const shown = this.#ranges.slice(0, MOST_IN_A_HEADER).map(([first, last]) => rangeText(first, last));
    return { "runcast-damaged": shown.join(",") };
  }
}
