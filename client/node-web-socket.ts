import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { closeCodeOf } from "./close-code.ts";
import { readRetryAfter } from "./run-problem.ts";
import type { SocketClose, SocketLike } from "./web-socket.ts";

const REFUSAL_TEXT_CHARS = 2_000;

/**
 * A WebSocket for Node ≥ 20: sends the token as a header, and turns the HTTP status with which a server refuses a program into the close
 * code it would send a browser, with the problem's `detail` as the reason.
 */
export class NodeWebSocket implements SocketLike {
  readonly #socket: WebSocket;
  readonly #closeListeners: Array<(event: SocketClose) => void> = [];
  #closed = false;
  #failure = "";

  constructor(url: string, protocols: string[], options?: { headers: Record<string, string> }) {
    this.#socket = new WebSocket(url, protocols, {
      headers: options?.headers ?? {},
      // Lines are sent once to many watchers; deflating them for each is what the server must not do.
      perMessageDeflate: false,
    });
    this.#socket.on("unexpected-response", (_request, response) => {
      void this.#readRefusal(response);
    });
    this.#socket.on("error", (error) => {
      this.#failure = error.message;
    });
    this.#socket.on("close", (code, reason) => this.#close({ code, reason: reason.toString() || this.#failure }));
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
    // A peer that is gone would be waited for 30 s, and keep a finished program alive.
    setTimeout(() => this.#socket.terminate(), 2_000).unref();
  }

  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: SocketClose) => void): void;
  addEventListener(type: "error", listener: () => void): void;
  addEventListener(
    ...[type, listener]:
      | [type: "open" | "error", listener: () => void]
      | [type: "message", listener: (event: { data: unknown }) => void]
      | [type: "close", listener: (event: SocketClose) => void]
  ): void {
    switch (type) {
      case "open":
      case "error":
        this.#socket.on(type, () => listener());
        break;
      case "message":
        // A text frame is one buffer of UTF-8: `ws` makes others only of what was asked for otherwise.
        this.#socket.on("message", (data, isBinary) => {
          listener({ data: !isBinary && Buffer.isBuffer(data) ? data.toString("utf8") : data });
        });
        break;
      case "close":
        this.#closeListeners.push(listener);
        break;
    }
  }

  #close(event: SocketClose): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#closeListeners) listener(event);
  }

  async #readRefusal(response: IncomingMessage): Promise<void> {
    const status = response.statusCode ?? 0;
    let text = "";
    try {
      for await (const piece of response) text = (text + String(piece)).slice(0, REFUSAL_TEXT_CHARS);
    } catch (cause) {
      text = String(cause);
    }
    const retryAfterMs = readRetryAfter(response.headers["retry-after"] ?? null, Date.now());
    this.#close({ code: closeCodeOf(status), reason: refusalReason(status, text), retryAfterMs });
    this.#socket.terminate();
  }
}

function refusalReason(status: number, text: string): string {
  try {
    const problem: unknown = JSON.parse(text);
    if (typeof problem === "object" && problem !== null && "detail" in problem && typeof problem.detail === "string") {
      return problem.detail;
    }
  } catch {
    // Not a problem document: a proxy's page, say. The status is what can be told.
  }
  return `the server answered ${status}`;
}
