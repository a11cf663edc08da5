import type { Context } from "hono";
import type { Problem } from "../protocol/api.ts";
import { ERROR_CODES, type Refusal } from "../protocol/error-code.ts";
import type { App } from "./app-context.ts";

/** What asks for patience says for how long; a caller that knows better passes its own. */
const RETRY_AFTER_SECONDS = "1";

/**
 * The one way to refuse: problem+json (RFC 9457) with the status of the code's row in ERROR_CODES.
 * A browser cannot read the status of a refused WebSocket, so a socket request that names its Origin is accepted and closed with the code's 44xx.
 */
export function problem(c: Context<App>, refusal: Refusal, headers: Record<string, string> = {}): Response {
  const { status, title, retry } = ERROR_CODES[refusal.code];
  c.set("refused", refusal.code);
  const closeCode = closeCodeOf(refusal);
  if (closeCode !== null && isUpgrade(c) && c.req.header("origin") !== undefined) {
    return closedSocket(c, closeCode, refusal.detail);
  }
  const body: Problem = {
    type: `urn:runcast:problem:${refusal.code}`,
    title,
    status,
    detail: refusal.detail,
    code: refusal.code,
    request_id: c.get("requestId"),
    ...(refusal.line === undefined ? {} : { line: refusal.line }),
    ...(refusal.expected === undefined ? {} : { expected: refusal.expected }),
    ...(refusal.stored === undefined ? {} : { stored: refusal.stored }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...(status === 426 ? { upgrade: "websocket", connection: "Upgrade" } : {}),
      ...(retry && status !== 500 ? { "retry-after": RETRY_AFTER_SECONDS } : {}),
      ...headers,
    },
  });
}

export const isUpgrade = (c: Context<App>): boolean => c.req.header("upgrade")?.toLowerCase() === "websocket";

function closeCodeOf({ code }: Refusal): number | null {
  const row = ERROR_CODES[code];
  return "close" in row ? row.close : null;
}

/** The protocol allows 123 bytes of reason. */
const MAX_REASON_BYTES = 123;

function closedSocket(c: Context<App>, code: number, reason: string): Response {
  const [client, server] = Object.values(new WebSocketPair());
  if (client === undefined || server === undefined) throw new Error("a WebSocketPair has two ends");
  server.accept();
  server.close(code, cutToBytes(reason, MAX_REASON_BYTES));
  // A browser that asked for a subprotocol and gets none fails the handshake, and would never see the code.
  const [subprotocol] = offeredSubprotocols(c);
  return new Response(null, {
    status: 101,
    webSocket: client,
    headers: subprotocol === undefined ? {} : { "sec-websocket-protocol": subprotocol },
  });
}

export const offeredSubprotocols = (c: Context<App>): string[] =>
  (c.req.header("sec-websocket-protocol") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);

function cutToBytes(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= maxBytes) return text;
  // Not fatal: a character cut in two is left out.
  return new TextDecoder().decode(bytes.subarray(0, maxBytes)).replace(/\uFFFD+$/, "");
}
