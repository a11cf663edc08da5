import type { RunObject } from "../durable-objects/run-object.ts";
import type { WorkspaceObject } from "../durable-objects/workspace-object.ts";

/** What the platform gives the API Worker and its objects; `wrangler.toml` binds it. */
export type Env = {
  /** One object a run: `getByName(run_id)`. */
  RUNS: DurableObjectNamespace<RunObject>;
  /** One object a workspace: `getByName(workspace_id)`. */
  WORKSPACES: DurableObjectNamespace<WorkspaceObject>;
  DB: D1Database;
  ARCHIVE: R2Bucket;
  ASSETS: Pick<Fetcher, "fetch">;
  /** Ends the session cookie's name, so that two instances on one host name do not sign each other out. */
  INSTANCE_NAME: string;
  /** Host names answered to, separated by commas; empty: any. */
  ALLOWED_HOSTS: string;
  /** Where browsers find this server when that is not where it is asked, as behind a proxy that ends TLS; empty: where it is asked. */
  PUBLIC_URL: string;
  /** The release and, behind a +, what was built of it: another build is another version. */
  VERSION: string;
  /** `all`: a line of the log for each request; anything else: only what goes wrong. */
  LOG: string;
  /** Of this instance alone; what is derived from it (a run's key) can be neither guessed nor stored. Absent: nothing is shared. */
  RUNCAST_SECRET?: string;
};

/** What the Worker tells an object about the request it hands over. It always writes them itself, so a client cannot. */
export const PRINCIPAL_HEADER = "x-runcast-principal";
export const EXPIRES_AT_HEADER = "x-runcast-expires-at";
/** The workspace of a run that has ended: who stays with it is its object's to keep, also when that is empty and knows the run no more. */
export const ARCHIVED_IN_HEADER = "x-runcast-archived-in";
