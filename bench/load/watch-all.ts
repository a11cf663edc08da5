import { setTimeout as sleep } from "node:timers/promises";
import type { Leave, PeerLog, WatchOptions } from "../peers/peer.ts";
import { EventCounter } from "./event.ts";

/** Opened at the same time; a server that is asked for all at once may refuse some. */
const OPENED_AT_ONCE = 50;

export type Watching = {
  /** Waits until each of them has so many events, or for so long; says how many they have together. Throws when one has more. */
  receive: (eventsEach: number, withinMs: number) => Promise<number>;
  latencies: () => number[];
  leave: () => void;
};

/** So many watchers of one log, which count what they receive. */
export async function watchAll(
  log: PeerLog,
  watchers: number,
  { isTimed = false, ...options }: WatchOptions & { isTimed?: boolean } = {},
): Promise<Watching> {
  const counters = Array.from({ length: watchers }, () => new EventCounter({ isTimed }));
  const leaves: Leave[] = [];
  for (let at = 0; at < watchers; at += OPENED_AT_ONCE) {
    const opening = counters.slice(at, at + OPENED_AT_ONCE);
    leaves.push(...(await Promise.all(opening.map((counter) => log.watch((piece) => counter.take(piece), options)))));
  }
  const received = (): number => counters.reduce((sum, counter) => sum + counter.received, 0);
  return {
    receive: async (eventsEach, withinMs) => {
      const deadline = performance.now() + withinMs;
      while (received() < eventsEach * watchers && performance.now() < deadline) await sleep(2);
      const tooMany = counters.find((counter) => counter.received > eventsEach);
      if (tooMany !== undefined) throw new Error(`a watcher got ${tooMany.received} of ${eventsEach} events`);
      return received();
    },
    latencies: () => counters.flatMap((counter) => counter.latencies),
    leave: () => leaves.forEach((leave) => leave()),
  };
}

/** What a reader of a figure has to know when something did not come. */
export const missing = (received: number, wanted: number, withinMs: number): { note?: string } =>
  received < wanted ? { note: `only ${received} of ${wanted} came within ${withinMs / 1_000} s` } : {};
