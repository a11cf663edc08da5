import type { Leave, PeerLog, WatchOptions } from "../peers/peer.ts";
import { EventCounter } from "./event.ts";

/** Opened at the same time; a server that is asked for all at once may refuse some. */
const OPENED_AT_ONCE = 50;

export type Watching = { received: () => number; latencies(): number[]; leave: () => void };

/** So many watchers of one log, which count what they receive. */
export async function watchAll(log: PeerLog, watchers: number, options: WatchOptions = {}): Promise<Watching> {
  const counters = Array.from({ length: watchers }, () => new EventCounter());
  const leaves: Leave[] = [];
  for (let at = 0; at < watchers; at += OPENED_AT_ONCE) {
    const opening = counters.slice(at, at + OPENED_AT_ONCE);
    leaves.push(...(await Promise.all(opening.map((counter) => log.watch((piece) => counter.take(piece), options)))));
  }
  return {
    received: () => counters.reduce((sum, { received }) => sum + received, 0),
    latencies: () => counters.flatMap((counter) => counter.latencies),
    leave: () => leaves.forEach((leave) => leave()),
  };
}
