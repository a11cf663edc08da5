import { LIVE_SUBPROTOCOL } from "../protocol/version.ts";
import { CLOSE_ABNORMAL } from "./close-code.ts";
import { SseSocket } from "./sse-socket.ts";
import { nextTransport } from "./transport.ts";
import type { Transport, TransportName } from "./transport.ts";
import { openSocket, socketConstructor, socketUrl } from "./web-socket.ts";
import type { SocketConstructor, SocketLike } from "./web-socket.ts";

export type RunConnectionsOptions = {
  url: string;
  runId: string;
  types?: readonly string[];
  stay?: boolean;
  token?: string;
  transport?: "auto" | TransportName;
  webSocket?: SocketConstructor;
  fetch?: typeof fetch;
};

/** The connections of one watch, one after the other, each by what `transport.ts` decides. */
export class RunConnections {
  readonly #options: RunConnectionsOptions;
  readonly #Socket: SocketConstructor | null;
  #transport: Transport;
  #last: { heard: boolean } | null = null;

  constructor(options: RunConnectionsOptions) {
    this.#options = options;
    this.#Socket = options.transport === "sse" ? null : socketConstructor(options);
    if (this.#Socket === null && options.transport === "websocket") {
      throw new TypeError("no WebSocket here can send a token: pass `webSocket`, or let `transport` choose");
    }
    this.#transport = { using: this.#Socket === null ? "sse" : "websocket", failures: 0, worked: false };
  }

  get transport(): TransportName {
    return this.#transport.using;
  }

  open(afterSequence: number): SocketLike {
    const { transport = "auto" } = this.#options;
    if (this.#Socket !== null && transport === "auto" && this.#last !== null) {
      this.#transport = nextTransport(this.#transport, this.#last.heard);
    }
    const socket = this.#make(afterSequence);
    const connection = { heard: false };
    this.#last = connection;
    socket.addEventListener("message", () => {
      connection.heard = true;
    });
    socket.addEventListener("close", ({ code }) => {
      // A code of the server's own: the upgrade came through, and was refused behind it.
      if (code !== CLOSE_ABNORMAL) connection.heard = true;
    });
    return socket;
  }

  #make(afterSequence: number): SocketLike {
    const { url, runId, types, stay = false, token, fetch } = this.#options;
    if (this.#Socket === null || this.#transport.using === "sse") {
      return new SseSocket({ url, runId, afterSequence, types, stay, token, fetch });
    }
    const query = new URLSearchParams({ after_sequence: String(afterSequence) });
    if (types !== undefined) query.set("types", types.join(","));
    if (stay) query.set("stay", "true");
    const address = socketUrl(url, `/api/runs/${encodeURIComponent(runId)}/live`, query);
    return openSocket(this.#Socket, address, LIVE_SUBPROTOCOL, token);
  }
}
