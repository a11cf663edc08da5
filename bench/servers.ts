import type { Peer, PeerServer } from "./peers/peer.ts";

/** Starts a server for each, all of them before the first is measured and in their order, and stops them afterwards. */
export async function withServers<Server extends PeerServer, Result>(
  peers: readonly Peer<Server>[],
  use: (servers: (Server & { name: string })[]) => Promise<Result>,
): Promise<Result> {
  const started = await Promise.allSettled(peers.map(async ({ name, start }) => ({ ...(await start()), name })));
  const servers = started.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  try {
    for (const each of started) if (each.status === "rejected") throw each.reason;
    return await use(servers);
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()));
  }
}

/** The same with one server alone. */
export function withServer<Server extends PeerServer, Result>(
  peer: Peer<Server>,
  use: (server: Server & { name: string }) => Promise<Result>,
): Promise<Result> {
  return withServers([peer], ([server]) => {
    if (server === undefined) throw new Error(`${peer.name} was not started`);
    return use(server);
  });
}
