import type { WebSocket } from "ws";
import { NodeWebSocket } from "../../client/node-web-socket.ts";
import { contractOf } from "./api.ts";
import { SocketTraffic } from "./socket-traffic.ts";

/** The answer of a server that did not switch protocols. */
export type Refusal = { status: number; code: string; type: string | null };

/** Holds what the server says on a socket, how it closes it and how it refuses it, against the contract. */
export function heed(socket: WebSocket, refused: (refusal: Refusal) => void = () => {}): SocketTraffic {
  const traffic = trafficAt(socket.url);
  socket.on("message", (data: Buffer, isBinary) => traffic.says(isBinary ? data : data.toString()));
  socket.on("close", (code) => traffic.closes(code));
  socket.on("error", () => {
    // A close event always follows, and that is what is looked at.
  });
  socket.on("unexpected-response", (_request, response) => {
    let text = "";
    response.on("data", (piece: Buffer) => (text += piece.toString()));
    response.on("end", () => {
      const status = response.statusCode ?? 0;
      const headers = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
      traffic.refuses({ status, headers, text });
      const code: string = text.startsWith("{") ? (JSON.parse(text).code ?? "") : "";
      refused({ status, code, type: response.headers["content-type"] ?? null });
      socket.terminate();
    });
  });
  return traffic;
}

/** The socket of our own client: what it says itself is held against the contract too. */
export class HeededWebSocket extends NodeWebSocket {
  readonly #traffic: SocketTraffic;

  constructor(url: string, protocols: string[], options?: { headers: Record<string, string> }) {
    super(url, protocols, options);
    this.#traffic = trafficAt(url);
    this.addEventListener("message", ({ data }) => this.#traffic.says(data));
    this.addEventListener("close", ({ code }) => this.#traffic.closes(code));
  }

  override send(text: string): void {
    this.#traffic.hears(text);
    super.send(text);
  }

  override close(code?: number, reason?: string): void {
    this.#traffic.leaves(code);
    super.close(code, reason);
  }
}

export function trafficAt(socketUrl: string): SocketTraffic {
  const { origin, pathname } = new URL(socketUrl.replace(/^ws/, "http"));
  // A server that is down has said nothing either.
  return new SocketTraffic(
    contractOf(origin).catch(() => null),
    pathname,
  );
}
