import { ERROR_CODES, type Refusal } from "../protocol/error-code.ts";
import { EXPIRES_AT_HEADER } from "../worker/env.ts";

/** A refusal as an object gives it to the Worker, which alone makes a problem of it. */
export const refuse = (refusal: Refusal): Response =>
  Response.json(refusal, { status: ERROR_CODES[refusal.code].status });

/** A socket of this object: answers the upgrade with the other end of the pair. */
export function openPair(): { client: WebSocket; server: WebSocket } {
  const { 0: client, 1: server } = new WebSocketPair();
  return { client, server };
}

export const switchProtocols = (client: WebSocket, subprotocol: string | null): Response =>
  new Response(null, {
    status: 101,
    webSocket: client,
    headers: subprotocol === null ? {} : { "sec-websocket-protocol": subprotocol },
  });

/** When the session of who asks ends, epoch ms; null: never. */
export function expiryOf(request: Request): number | null {
  const expiresAt = request.headers.get(EXPIRES_AT_HEADER);
  return expiresAt ? Number(expiresAt) : null;
}
