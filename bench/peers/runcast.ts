import { build } from "../../local/build.ts";
import type { Peer, PeerServer } from "./peer.ts";
import { RuncastApi, type RuncastLog } from "./runcast-api.ts";
import { startServerProcess } from "./server-process.ts";

const TOKENS = { administrator: "bench-administrator", viewer: "bench-viewer" };
export type RuncastServer = PeerServer<RuncastLog> & {
  url: string;
  token: string;
  /** What a route answers. */
  text: (path: string) => Promise<string>;
};

export const runcast: Peer<RuncastServer> = {
  name: "runcast",
  what: "this server, as npm start serves it",
  start: () => startRuncast([]),
};

/** The same, which answers `/counts` with what it asked of the platform. */
export const countedRuncast: Peer<RuncastServer> = { ...runcast, start: () => startRuncast(["counted"]) };

async function startRuncast(args: string[]): Promise<RuncastServer> {
  await build();
  const server = await startServerProcess("runcast-server.ts", [TOKENS.administrator, TOKENS.viewer, ...args]);
  const api = new RuncastApi(server.url, TOKENS.administrator);
  return {
    group: server.group,
    url: server.url,
    token: TOKENS.administrator,
    text: (path) => api.text(path),
    newLog: () => api.newLog(server.evict),
    stop: server.stop,
  };
}
