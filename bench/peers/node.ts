import { randomUUID } from "node:crypto";
import type { Peer, PeerServer } from "./peer.ts";
import { plainLog } from "./plain-log.ts";
import { startServerProcess } from "./server-process.ts";

export const node: Peer = {
  name: "node",
  what: "ws on Node: a file, fdatasync before the broadcast, a frame for each append",
  start: () => startNode([]),
};

export const nodeGather: Peer = {
  name: "node + gather",
  what: "the same, with frames gathered as ours are",
  start: () => startNode(["gather"]),
};

async function startNode(args: string[]): Promise<PeerServer> {
  const server = await startServerProcess("node-server.ts", args);
  return {
    group: server.group,
    newLog: async () => plainLog(`${server.url}/${randomUUID()}`),
    stop: server.stop,
  };
}
