import { routePartykitRequest, Server } from "partyserver";
import { answerRead } from "./stored-log.ts";

/** What one writes first, with the library made for it: a row and a broadcast for each event. */
export class LogObject extends Server {
  static override options = { hibernate: true };

  override onStart(): void {
    this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, body TEXT NOT NULL)");
  }

  override async onRequest(request: Request): Promise<Response> {
    if (request.method === "GET") return answerRead(this.ctx.storage.sql, "events", new URL(request.url));
    for (const line of (await request.text()).split("\n")) {
      if (line === "") continue;
      const event = `${line}\n`;
      this.ctx.storage.sql.exec("INSERT INTO events (body) VALUES (?)", event);
      this.broadcast(event);
    }
    return new Response("ok");
  }
}

type Env = Cloudflare.Env & { LOGS: DurableObjectNamespace<LogObject> };

export default {
  /** `/parties/logs/<name>`, as the library routes. */
  fetch: async (request: Request, env: Env): Promise<Response> =>
    (await routePartykitRequest(request, env)) ?? new Response("no such log", { status: 404 }),
};
