import type { Context } from "hono";
import type { IndexedRun } from "../core/ports.ts";
import type { Principal } from "../protocol/api.ts";
import type { ErrorCode } from "../protocol/error-code.ts";
import type { Env } from "./env.ts";
import type { Timings } from "./timing/timings.ts";

/** What the middleware leaves for a route. */
export type App = {
  Bindings: Env;
  Variables: {
    requestId: string;
    timings: Timings;
    /** The path of the access rule, once there is one; its run as the path has it, which may be none at all. */
    route?: string;
    runId?: string;
    /** Why the request was refused, when it was. */
    refused?: ErrorCode;
    /** Set on every route that is not open. */
    caller?: Caller;
    /** The run as D1 has it, on routes that find it with `indexedRun`. */
    row?: IndexedRun;
    /** The text of a JSON body, on routes that read it with `jsonBody`. */
    bodyText?: string;
  };
};

/** Who asks, and until when. `expiresAt` (epoch ms) is null for a bearer token; a socket is closed with 4401 once it has passed. */
export type Caller = { principal: Principal; expiresAt: number | null; by: "bearer" | "cookie" };

/** The caller of a route that is not open. Throws on an open route, where nobody was asked. */
export function callerOf(c: Context<App>): Caller {
  const caller = c.get("caller");
  if (caller === undefined) throw new Error(`${c.req.method} ${c.req.path} asked for its caller but is open`);
  return caller;
}

/** The row of a run that `indexedRun` has found. Throws on a route without it. */
export function rowOf(c: Context<App>): IndexedRun {
  const row = c.get("row");
  if (row === undefined) throw new Error(`${c.req.method} ${c.req.path} asked for its run, which nobody looked for`);
  return row;
}
