import type { PeerLog } from "../peers/peer.ts";
import { consoleEvent } from "./event.ts";

/** About 1.6 MB: well below what one request may bring. */
const EVENTS_A_BATCH = 10_000;

/** Brings a log to so many events. */
export async function fill(log: PeerLog, events: number): Promise<void> {
  for (let stored = 0; stored < events; stored += EVENTS_A_BATCH)
    await log.append(consoleEvent(), Math.min(EVENTS_A_BATCH, events - stored));
}
