import { DurableObject } from "cloudflare:workers";
import { answerRead } from "./stored-log.ts";

type Env = { LOGS: DurableObjectNamespace<LogObject> };

/** The engine's limit: the smallest object that stores a batch durably and sends it to whoever is connected. No numbers, no history, no acknowledgements. */
export class LogObject extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS batches (id INTEGER PRIMARY KEY, body TEXT NOT NULL)");
  }

  override async fetch(request: Request): Promise<Response> {
    if (request.headers.get("upgrade") === "websocket") {
      const { 0: client, 1: server } = new WebSocketPair();
      this.ctx.acceptWebSocket(server);
      return new Response(null, { status: 101, webSocket: client });
    }
    if (request.method === "GET") return answerRead(this.ctx.storage.sql, "batches", new URL(request.url));
    const body = await request.text();
    this.ctx.storage.sql.exec("INSERT INTO batches (body) VALUES (?)", body);
    for (const socket of this.ctx.getWebSockets()) socket.send(body);
    return new Response("ok");
  }

  override webSocketMessage(): void {}
  override webSocketClose(socket: WebSocket): void {
    socket.close(1000, "");
  }
}

export default {
  fetch: (request: Request, env: Env): Promise<Response> =>
    env.LOGS.getByName(new URL(request.url).pathname.slice(1)).fetch(request),
};
