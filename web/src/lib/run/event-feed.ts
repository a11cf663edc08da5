import type { RunEvent } from "../../../../protocol/event.ts";
import { parseLine } from "../../../../protocol/ndjson.ts";

export type FeedState = "idle" | "loading" | "here" | "failed";
/** Which events, and which end of a long list is kept. */
export type FeedRange = { types: readonly string[]; most: number; keep: "first" | "last" };
/** Answers with NDJSON. */
export type ReadFeed = (query: string) => Promise<string>;

/**
 * The events of some types, oldest first, each once: the stored ones, read when somebody looks, and those that arrive meanwhile and after.
 * At most `most`, whatever the log holds.
 */
export class EventFeed {
  readonly #range: FeedRange;
  readonly #matches: (type: string) => boolean;
  readonly #read: ReadFeed;
  readonly #onChange: () => void;
  #events: readonly RunEvent[] = [];
  #state: FeedState = "idle";
  #isCut = false;

  constructor(range: FeedRange, read: ReadFeed, onChange: () => void) {
    this.#range = range;
    this.#read = read;
    this.#onChange = onChange;
    const exact = new Set(range.types);
    const families = range.types.filter((type) => type.endsWith(".*")).map((type) => type.slice(0, -1));
    this.#matches = (type) => exact.has(type) || families.some((family) => type.startsWith(family));
  }

  get events(): readonly RunEvent[] {
    return this.#events;
  }
  get state(): FeedState {
    return this.#state;
  }
  /** There are more in the log than are kept here. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Reads the stored ones; only once, and again after a failure. */
  async load(): Promise<void> {
    if (this.#state === "loading" || this.#state === "here") return;
    this.#state = "loading";
    this.#onChange();
    const { types, most, keep } = this.#range;
    try {
      const text = await this.#read(`types=${types.join(",")}&${keep === "first" ? "limit" : "tail"}=${most}`);
      const stored = text.split("\n").flatMap((line) => (line === "" ? [] : (parseLine(line) ?? [])));
      this.#state = "here";
      this.#put(stored, stored.length >= most);
    } catch {
      // Said by the state; whoever looks offers to try again.
      this.#state = "failed";
    }
    this.#onChange();
  }

  take(events: readonly RunEvent[]): void {
    const ours = events.filter(({ type }) => this.#matches(type));
    if (ours.length === 0) return;
    this.#put(ours, false);
    this.#onChange();
  }

  #put(more: readonly RunEvent[], isCut: boolean): void {
    const { most, keep } = this.#range;
    const all = this.#isBehind(more) ? [...this.#events, ...more] : inOrder([...this.#events, ...more]);
    this.#isCut ||= isCut || all.length > most;
    this.#events = all.length <= most ? all : keep === "first" ? all.slice(0, most) : all.slice(-most);
  }

  /** As lines come while one watches: nothing to put in order, thousands of times a second. */
  #isBehind(more: readonly RunEvent[]): boolean {
    let last = this.#events.at(-1)?.sequence ?? 0;
    for (const { sequence } of more) {
      if (sequence <= last) return false;
      last = sequence;
    }
    return true;
  }
}

/** Each once. */
function inOrder(events: readonly RunEvent[]): RunEvent[] {
  const bySequence = new Map(events.map((event) => [event.sequence, event]));
  return [...bySequence.values()].toSorted((a, b) => a.sequence - b.sequence);
}
