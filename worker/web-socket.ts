import type { Context } from "hono";
import type { Refusal } from "../protocol/error-code.ts";
import { callerOf, type App } from "./app-context.ts";
import { ARCHIVED_IN_HEADER, EXPIRES_AT_HEADER, PRINCIPAL_HEADER } from "./env.ts";
import { isUpgrade, offeredSubprotocols } from "./problem.ts";

/** Why the request cannot become a socket of this subprotocol, or null. A client that names no subprotocol may speak it all the same. */
export function refuseUpgrade(c: Context<App>, subprotocol: string): Refusal | null {
  if (!isUpgrade(c))
    return { code: "UPGRADE_REQUIRED", detail: `this route speaks WebSocket, subprotocol ${subprotocol}` };
  const offered = offeredSubprotocols(c);
  if (offered.length > 0 && !offered.includes(subprotocol)) {
    return { code: "INVALID_QUERY", detail: `this route speaks the subprotocol ${subprotocol}` };
  }
  return null;
}

/** Who asks, as an object is told: JSON, and (epoch ms, or empty) until when. */
export function callerHeaders(c: Context<App>): Headers {
  const { principal, expiresAt } = callerOf(c);
  return new Headers({
    // Header values are bytes; a name may hold any character.
    [PRINCIPAL_HEADER]: encodeURIComponent(JSON.stringify(principal)),
    [EXPIRES_AT_HEADER]: expiresAt === null ? "" : String(expiresAt),
  });
}

/** The request as an object gets it: with who asks. */
export function withCaller(c: Context<App>): Request {
  const headers = new Headers(c.req.raw.headers);
  for (const [name, value] of callerHeaders(c)) headers.set(name, value);
  headers.delete(ARCHIVED_IN_HEADER);
  // The tokens stay in the Worker.
  headers.delete("authorization");
  headers.delete("cookie");
  return new Request(c.req.raw, { headers });
}
