import worker, { LogObject as OwnLogObject } from "./naive-object.ts";
import { counts, countStorage, takeCounts } from "./counts.ts";

type Env = Parameters<typeof worker.fetch>[1];

/** The same with what it asks of the platform counted. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (new URL(request.url).pathname === "/counts") return Response.json(takeCounts());
    counts.workerRequests += 1;
    // The library hands each request to the object in one call.
    counts.objectRequests += 1;
    return worker.fetch(request, env);
  },
};

export class LogObject extends OwnLogObject {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    countStorage(ctx.storage);
    super(ctx, env);
  }
}
