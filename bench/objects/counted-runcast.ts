import worker, { RunObject as OwnRunObject, WorkspaceObject as OwnWorkspaceObject } from "../../worker/index.ts";
import type { Env } from "../../worker/env.ts";
import { countBucket, countDatabase, countObjects, counts, countStorage, takeCounts } from "./counts.ts";

/** The real Worker and its real objects, with what they ask of the platform counted. */
export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname === "/counts") return Response.json(takeCounts());
    counts.workerRequests += 1;
    return worker.fetch(request, counted(env), context);
  },
};

export class RunObject extends OwnRunObject {
  constructor(ctx: DurableObjectState, env: Env) {
    countStorage(ctx.storage);
    super(ctx, counted(env));
  }

  override alarm(info?: AlarmInvocationInfo): Promise<void> {
    counts.objectRequests += 1;
    return super.alarm(info);
  }
}

export class WorkspaceObject extends OwnWorkspaceObject {
  constructor(ctx: DurableObjectState, env: Env) {
    countStorage(ctx.storage);
    super(ctx, counted(env));
  }

  override alarm(): void {
    counts.objectRequests += 1;
    return super.alarm();
  }
}

const counted = (env: Env): Env => ({
  ...env,
  RUNS: countObjects(env.RUNS),
  WORKSPACES: countObjects(env.WORKSPACES),
  ARCHIVE: countBucket(env.ARCHIVE),
  DB: countDatabase(env.DB),
});
