import { createHash } from "node:crypto";
import { expectStatus } from "./api.ts";
import type { InspectedServer } from "./inspected-server.ts";

/** The cookie of a browser that signed in and whose session ends in so many milliseconds. */
export async function shortSession(
  { api, server }: InspectedServer,
  lastsMs: number,
): Promise<{ cookie: string; expiresAt: number }> {
  const answer = await api.ask("POST", "/api/session", { token: null, body: { token: api.token } });
  const cookie = (expectStatus(answer, 204).headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const hash = createHash("sha256")
    .update(cookie.slice(cookie.indexOf("=") + 1))
    .digest("hex");
  const expiresAt = Date.now() + lastsMs;
  const database = await server.miniflare.getD1Database("DB");
  const { meta } = await database
    .prepare("UPDATE sessions SET expires_at_ms = ? WHERE hash = ?")
    .bind(expiresAt, hash)
    .run();
  if (meta.changes !== 1) throw new Error("there is no such session");
  return { cookie, expiresAt };
}
