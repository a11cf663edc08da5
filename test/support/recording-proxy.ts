import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export type RecordingProxy = {
  url: string;
  /** Where the connections go that come from now on. */
  leadTo(server: string): void;
  /** Ends every connection there is, as a router does that is restarted. */
  cut(): void;
  /** From now on nothing comes through, in either direction, and nobody is told; then all of it at once. */
  hold(isHeld: boolean): void;
  /** Every byte that clients have sent, in the order in which it came. */
  sent(): Buffer;
  close(): Promise<void>;
};

/** Stands before a server and keeps every byte that goes to it: what leaves a machine, without trusting who says so. */
export async function startRecordingProxy(): Promise<RecordingProxy> {
  let upstreamPort = 0;
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const pairs = new Set<[client: Socket, upstream: Socket]>();
  let isHeld = false;
  const proxy = createServer((client) => {
    const upstream = connect(upstreamPort, "127.0.0.1");
    const pair: [Socket, Socket] = [client, upstream];
    const end = (): void => {
      pairs.delete(pair);
      for (const socket of pair) sockets.delete(socket.destroy());
    };
    pairs.add(pair);
    for (const socket of pair) {
      sockets.add(socket);
      // Either end may go away first; the other follows.
      socket.on("error", end);
      socket.on("close", end);
    }
    if (!isHeld) join(pair);
  });
  const join = ([client, upstream]: [Socket, Socket]): void => {
    client.on("data", (bytes) => chunks.push(bytes));
    client.pipe(upstream).pipe(client);
  };
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  // The only address a TCP server has.
  const address = proxy.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    leadTo: (server) => (upstreamPort = Number(new URL(server).port)),
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    hold: (held) => {
      if (held === isHeld) return;
      isHeld = held;
      for (const pair of pairs) {
        if (!held) join(pair);
        else
          for (const socket of pair) {
            socket.unpipe();
            socket.removeAllListeners("data");
            socket.pause();
          }
      }
    },
    sent: () => Buffer.concat(chunks),
    close: async () => {
      const closed = new Promise<void>((resolve) => proxy.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
