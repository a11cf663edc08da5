import { WebSocket } from "ws";
import type { Api } from "./api.ts";
import { heed, type Refusal } from "./heed-socket.ts";
import type { SocketTraffic } from "./socket-traffic.ts";
import { waitUntil } from "./wait-until.ts";
import type { Closing, Control } from "./watcher.ts";

export type SocketOptions = {
  token?: string | null;
  /** A session's cookie, instead of a token. */
  cookie?: string;
  origin?: string;
  subprotocols?: string[];
};

/** Any socket of the API, from its path: what was refused, every line that came, and how it was closed. */
export class ApiSocket {
  readonly frames: Control[] = [];
  pongs = 0;
  closing: Closing | null = null;
  /** The answer of a server that did not switch protocols. */
  refusal: Refusal | null = null;
  readonly socket: WebSocket;
  readonly #traffic: SocketTraffic;

  constructor(api: Api, path: string, { token, cookie, origin, subprotocols = [] }: SocketOptions = {}) {
    const bearer = token === undefined && cookie === undefined ? api.token : token;
    const connection = {
      closeTimeout: 1_000,
      headers: {
        ...(typeof bearer === "string" ? { authorization: `Bearer ${bearer}` } : {}),
        ...(cookie === undefined ? {} : { cookie }),
      },
      ...(origin === undefined ? {} : { origin }),
    };
    this.socket = new WebSocket(api.url.replace("http", "ws") + path, subprotocols, connection);
    this.#traffic = heed(this.socket, (refusal) => (this.refusal = refusal));
    this.socket.on("message", (data: Buffer) => {
      const text = data.toString();
      if (text === "pong") this.pongs += 1;
      else for (const line of text.split("\n")) if (line !== "") this.frames.push(JSON.parse(line));
    });
    this.socket.on("close", (code, reason) => (this.closing ??= { code, reason: reason.toString() }));
  }

  send(frame: string | object): void {
    const text = typeof frame === "string" ? frame : JSON.stringify(frame);
    this.#traffic.tries(text);
    this.socket.send(text);
  }

  /** The first frame of which this is so, when it has come. */
  async frame(what: string, isIt: (frame: Control) => boolean, timeoutMs = 20_000): Promise<Control> {
    const options = { timeoutMs, everyMs: 5 };
    await waitUntil(`${what} comes`, () => this.frames.some(isIt) || this.closing !== null, options);
    const found = this.frames.find(isIt);
    if (found === undefined) throw new Error(`closed ${JSON.stringify(this.closing)} without ${what}`);
    return found;
  }

  op(op: string, timeoutMs?: number): Promise<Control> {
    return this.frame(op, (frame) => frame.op === op, timeoutMs);
  }

  async closed(timeoutMs = 20_000): Promise<Closing> {
    await waitUntil("the socket is closed", () => this.closing !== null, { timeoutMs, everyMs: 5 });
    return this.closing ?? { code: 0, reason: "" };
  }

  close(code?: number): void {
    this.#traffic.leaves(code);
    this.socket.close(code);
  }
}
