import { app } from "./app.ts";

/** What Cloudflare loads: the API, and the classes of its objects. */
export { RunObject } from "../durable-objects/run-object.ts";
export { WorkspaceObject } from "../durable-objects/workspace-object.ts";

export default { fetch: app.fetch };
