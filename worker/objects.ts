import type { DurableObject } from "cloudflare:workers";
import type { RunObject } from "../durable-objects/run-object.ts";
import type { WorkspaceObject } from "../durable-objects/workspace-object.ts";
import type { Env } from "./env.ts";

/**
 * An object's own methods, as they are called from here. The platform derives the same, but takes `unknown` (a run's parameters) for something that
 * cannot be sent, and drops every answer that holds it; structured clone does send it.
 */
type Calls<T> = {
  [K in Exclude<keyof T, Exclude<keyof DurableObject<Env>, "fetch">>]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

/** The object of a run. Ask only for ids that `isRunId`: any other would bring an object into being that no run ever has. */
export const runObject = (env: Env, runId: string): Calls<RunObject> => env.RUNS.getByName(runId);

export const workspaceObject = (env: Env, workspaceId: string): Calls<WorkspaceObject> =>
  env.WORKSPACES.getByName(workspaceId);
