import { Agent, request, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { WebSocket } from "ws";
import type { Leave, WatchOptions } from "./peer.ts";

/** `fetch` costs the load generator about twice the processor time, on cores that it shares with what it measures. */
const agent = new Agent({ keepAlive: true });

export type Asked = { method?: string; body?: string; headers?: OutgoingHttpHeaders };

/** The answer, not yet read. */
export function ask(url: string, { method = "GET", body, headers = {} }: Asked = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent }, resolve);
    asked.once("error", reject);
    asked.end(body);
  });
}

/** The answer, read to its end; throws when it is a refusal. */
export async function askText(url: string, asked: Asked = {}): Promise<string> {
  const answer = await ask(url, asked);
  const said = await text(answer);
  const status = answer.statusCode ?? 0;
  if (status >= 300)
    throw new Error(`${asked.method ?? "GET"} ${url} was answered with ${status}: ${said.slice(0, 200)}`);
  return said;
}

export type SocketOptions = WatchOptions & { protocol?: string; headers?: OutgoingHttpHeaders };

/**
 * A socket that hands over every frame, also one that comes with the greeting. Unless it is asked for nothing is compressed: Node's servers do not by
 * themselves, and workerd would for each watcher.
 */
export async function openSocket(
  url: string,
  received: (frame: Buffer, socket: WebSocket) => void,
  { protocol, headers = {}, isCompressed = false }: SocketOptions = {},
): Promise<WebSocket> {
  const socket = new WebSocket(url.replace("http", "ws"), protocol === undefined ? [] : [protocol], {
    headers,
    perMessageDeflate: isCompressed,
  });
  socket.on("message", (frame: Buffer) => received(frame, socket));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}

export const leaving =
  (socket: WebSocket): Leave =>
  () =>
    socket.terminate();
