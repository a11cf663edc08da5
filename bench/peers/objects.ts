import { randomUUID } from "node:crypto";
import { askText } from "./http.ts";
import type { CountedServer, Peer } from "./peer.ts";
import { plainLog } from "./plain-log.ts";
import { startServerProcess } from "./server-process.ts";

export const raw: Peer = {
  name: "raw",
  what: "the smallest object on workerd that stores a batch and broadcasts it: the engine's limit",
  start: () => startObjects("raw-object", ""),
};

export const naive: Peer = {
  name: "naive",
  what: "PartyServer on workerd: a row and a broadcast for each event",
  start: () => startObjects("naive-object", "/parties/logs"),
};

/** The same, which answers `/counts` with what it asked of the platform. */
export const countedNaive: Peer<CountedServer> = {
  ...naive,
  start: () => startObjects("counted-naive", "/parties/logs"),
};

async function startObjects(object: string, path: string): Promise<CountedServer> {
  const server = await startServerProcess("object-server.ts", [object]);
  return {
    group: server.group,
    url: server.url,
    newLog: async () => {
      const name = randomUUID();
      const url = `${server.url}${path}/${name}`;
      return {
        ...plainLog(url),
        object: {
          evict: () => server.evict(name),
          ask: async () => void (await askText(`${url}?head`)),
          readWindow: (after, events) => askText(`${url}?after=${after}&limit=${events}`),
        },
      };
    },
    stop: server.stop,
  };
}
