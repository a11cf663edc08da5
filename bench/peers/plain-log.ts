import { ask, askText, leaving, openSocket } from "./http.ts";
import type { PeerLog } from "./peer.ts";

/** A log of the peers that were written for this: POST appends, GET reads, a socket watches, all at one address. */
export const plainLog = (url: string): PeerLog => ({
  append: async (event, times) => void (await askText(url, { method: "POST", body: `${event}\n`.repeat(times) })),
  watch: async (received, options) => leaving(await openSocket(url, received, options)),
  read: () => ask(url),
  socket: (_afterEvents, received) => openSocket(url, received),
  finish: async () => {},
});
