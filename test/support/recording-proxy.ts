import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export type RecordingProxy = {
  url: string;
  /** Where the connections go that come from now on. */
  leadTo(server: string): void;
  /** Every byte that clients have sent, in the order in which it came. */
  sent(): Buffer;
  close(): Promise<void>;
};

/** Stands before a server and keeps every byte that goes to it: what leaves a machine, without trusting who says so. */
export async function startRecordingProxy(): Promise<RecordingProxy> {
  let upstreamPort = 0;
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(upstreamPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // Either end may go away first; the other follows.
      socket.on("error", () => [client, upstream].forEach((one) => one.destroy()));
      socket.on("close", () => [client, upstream].forEach((one) => one.destroy()));
    }
    client.on("data", (bytes) => chunks.push(bytes));
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  // The only address a TCP server has.
  const address = proxy.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    leadTo: (server) => (upstreamPort = Number(new URL(server).port)),
    sent: () => Buffer.concat(chunks),
    close: async () => {
      const closed = new Promise<void>((resolve) => proxy.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
