import { app } from "./app.ts";
import type { Env } from "./env.ts";
import { asPublicRequest } from "./public-request.ts";

/** What Cloudflare loads: the API, and the classes of its objects. */
export { RunObject } from "../durable-objects/run-object.ts";
export { WorkspaceObject } from "../durable-objects/workspace-object.ts";

export default {
  fetch: (request: Request, env: Env, context: ExecutionContext) =>
    app.fetch(asPublicRequest(request, env.PUBLIC_URL), env, context),
};
