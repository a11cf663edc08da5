import type { Watchers } from "../ports.ts";
import type { WatcherState } from "./flow-control.ts";

/**
 * What all watchers of a run have outstanding: asked for with every frame to every watcher, so it is a running total. Counted once, when it is first
 * asked for: after a hibernation the attachments alone know it. [FLOW5]
 */
export class RunWindow {
  readonly #watchers: Watchers;
  #bytesByWatcher: Map<string, number> | null = null;
  #total = 0;

  constructor(watchers: Watchers) {
    this.#watchers = watchers;
  }

  total(): number {
    if (this.#bytesByWatcher === null) {
      this.#bytesByWatcher = new Map();
      for (const { state } of this.#watchers.all()) this.changed(state);
    }
    return this.#total;
  }

  /** Something was sent to the watcher, or acknowledged by it. */
  changed({ watcherId, window }: Pick<WatcherState, "watcherId" | "window">): void {
    if (this.#bytesByWatcher === null) return;
    this.#total += window.outstandingBytes - (this.#bytesByWatcher.get(watcherId) ?? 0);
    this.#bytesByWatcher.set(watcherId, window.outstandingBytes);
  }

  /** The watcher was closed, or has left. */
  gone(watcherId: string): void {
    this.#total -= this.#bytesByWatcher?.get(watcherId) ?? 0;
    this.#bytesByWatcher?.delete(watcherId);
  }
}
