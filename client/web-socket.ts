/** `retryAfterMs`: of a refused upgrade, where its headers can be read. */
export type SocketClose = { code: number; reason: string; retryAfterMs?: number | null };

/** What a watcher needs of a WebSocket: the browser's own, Node's, and `NodeWebSocket` all have it. */
export interface SocketLike {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: SocketClose) => void): void;
  addEventListener(type: "error", listener: () => void): void;
}

/** A browser's constructor takes no headers, so there the session cookie speaks for the user. */
export type SocketConstructor = new (
  url: string,
  protocols: string[],
  options?: { headers: Record<string, string> },
) => SocketLike;

export type SocketOptions = { token?: string; webSocket?: SocketConstructor };

/** What opens sockets here: the one given, else the platform's; null when there is none, or none that could send the token. */
export function socketConstructor({ webSocket, token }: SocketOptions): SocketConstructor | null {
  return webSocket ?? (token === undefined ? (globalThis.WebSocket ?? null) : null);
}

/** A socket that proves who one is as its kind can: by header, or, in a page, by its cookie. */
export function openSocket(
  Socket: SocketConstructor,
  url: string,
  subprotocol: string,
  token: string | undefined,
): SocketLike {
  return new Socket(
    url,
    [subprotocol],
    token === undefined ? undefined : { headers: { authorization: `Bearer ${token}` } },
  );
}

/** `http://host/x` → `ws://host/x`, `https` → `wss`. */
export function socketUrl(base: string, path: string, query: URLSearchParams): string {
  const url = new URL(path, base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = query.toString();
  return url.href;
}
