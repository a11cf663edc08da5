import { LIMITS } from "../../protocol/limits.ts";
import type { Timer, Watchers } from "../ports.ts";

const PRESENCE_EVERY_MS = 1_000;
/** Told apart on both themes; the page maps names to its own tokens. */
const COLOURS = ["indigo", "teal", "amber", "rose", "sky", "violet", "lime", "orange"] as const;

/** Tells the watchers who else looks, at most once a second. */
export class Presence {
  readonly #watchers: Watchers;
  readonly #timer: Timer;
  #isDue = false;

  constructor(watchers: Watchers, timer: Timer) {
    this.#watchers = watchers;
    this.#timer = timer;
  }

  changed(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#timer.after(PRESENCE_EVERY_MS, () => {
      this.#isDue = false;
      this.#tell();
    });
  }

  #tell(): void {
    const watchers = this.#watchers.all().filter((watcher) => !watcher.state.ended || watcher.state.stay);
    const count = watchers.length;
    const names = watchers.map(({ state }) => ({
      watcher_id: state.watcherId,
      name: state.name,
      colour: colourOf(state.watcherId),
      first: state.view?.first ?? null,
      last: state.view?.last ?? null,
      follow: state.view?.follow ?? true,
    }));
    const frame = JSON.stringify({
      op: "presence",
      count,
      ...(count > LIMITS.presenceNames ? {} : { watchers: names }),
    });
    for (const watcher of watchers) watcher.send(frame);
  }
}

/** The same watcher has the same colour for everyone. */
export function colourOf(watcherId: string): string {
  let hash = 0;
  for (let at = 0; at < watcherId.length; at += 1) hash = (hash * 31 + watcherId.charCodeAt(at)) % 65_521;
  return COLOURS[hash % COLOURS.length] ?? COLOURS[0];
}
