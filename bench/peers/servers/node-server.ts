import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { buffer } from "node:stream/consumers";
import { WebSocketServer } from "ws";
import { Broadcast } from "./broadcast.ts";
import { readFolder, servePeer } from "./serve-peer.ts";
import { SyncedLog } from "./synced-log.ts";

/** What one writes with Node: an append is on the disk (fdatasync) before it is broadcast and before it is answered. */
const [, , , gather = ""] = process.argv;
const folder = readFolder();

type Log = { file: SyncedLog; watchers: Broadcast };
const logs = new Map<string, Log>();

function logOf(name: string): Log {
  const known = logs.get(name);
  if (known !== undefined) return known;
  const watchers = new Broadcast(gather === "gather");
  const file = new SyncedLog(join(folder, `${name}.ndjson`), (body) => watchers.publish(body));
  const log = { file, watchers };
  logs.set(name, log);
  return log;
}

const nameOf = (path = "/"): string => path.slice(1);
const server = createServer((request, response) => {
  const { file } = logOf(nameOf(request.url));
  if (request.method === "GET") {
    pipeline(createReadStream(file.path), response, (error) => error && response.destroy(error));
    return;
  }
  void buffer(request)
    .then((body) => file.append(body))
    .then(
      () => response.end("ok"),
      (error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      },
    );
});
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket, request) => {
  const { watchers } = logOf(nameOf(request.url));
  watchers.sockets.add(socket);
  socket.once("close", () => watchers.sockets.delete(socket));
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  servePeer({ url: `http://127.0.0.1:${port}`, stop: async () => process.exit() });
});
