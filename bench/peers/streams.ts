import { randomUUID } from "node:crypto";
import { ask, askText } from "./http.ts";
import type { Peer, PeerLog } from "./peer.ts";
import { startServerProcess } from "./server-process.ts";

const JSON_TYPE = { "content-type": "application/json" };

export const streams: Peer = {
  name: "streams",
  what: "@durable-streams/server, file-backed, watched by server-sent events",
  start: async () => {
    const server = await startServerProcess("streams-server.ts");
    return { group: server.group, newLog: () => newStream(`${server.url}/${randomUUID()}`), stop: server.stop };
  },
};

async function newStream(url: string): Promise<PeerLog> {
  await askText(url, { method: "PUT", headers: JSON_TYPE });
  return {
    append: async (event, times) => {
      const body = `[${`${event},`.repeat(times - 1)}${event}]`;
      await askText(url, { method: "POST", headers: JSON_TYPE, body });
    },
    watch: async (received) => {
      const events = await ask(`${url}?offset=-1&live=sse`);
      // Cut off by us, at the end of a load.
      events.on("error", (error) => {
        if (!events.destroyed) throw error;
      });
      events.on("data", received);
      return () => events.destroy();
    },
    read: () => ask(`${url}?offset=-1`),
    finish: async () => {},
  };
}
