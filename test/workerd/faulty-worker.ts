import worker, { RunObject as OwnRunObject, WorkspaceObject as OwnWorkspaceObject } from "../../worker/index.ts";
import type { Env } from "../../worker/env.ts";
import { FaultyCalls, type FaultSettings } from "../faults/laboratory/binding-faults.ts";
import { Random } from "../faults/laboratory/random.ts";

/**
 * The real Worker and its real objects over bindings whose calls fail, hang, or fail after having worked, and a clock that jumps.
 * The second entry of the bundle: what is deployed has none of this, and a test looks.
 */
const r2 = new FaultyCalls((call) => new Error(`${call}: We encountered an internal error. Please try again. (10001)`));
const d1 = new FaultyCalls((call) => new Error(`D1_ERROR: ${call}: Network connection lost.`));
let clockOffsetMs = 0;

const CRASH = "/laboratory/crash";

// Faults make the server's log long. Miniflare's own calls block the thread that reads it, and workerd stands still when nobody does: each would wait for the
// other for ever.
for (const level of ["log", "warn", "error"] as const) console[level] = () => {};

const realNow = Date.now.bind(Date);
Date.now = () => realNow() + clockOffsetMs;

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/laboratory") return worker.fetch(request, faulty(env), context);
    const crashing = searchParams.get("crash");
    if (crashing !== null) await crash(env, crashing);
    // Past everything that may go wrong, and not by Miniflare: its own calls block the thread that answers them.
    const prefix = searchParams.get("prefix");
    if (prefix !== null) return Response.json(await keysUnder(env, prefix));
    const key = searchParams.get("key");
    if (key !== null) {
      const stored = await env.ARCHIVE.get(key);
      return stored === null ? new Response(null, { status: 404 }) : new Response(stored.body);
    }
    if (request.method === "PUT") apply(await request.json<FaultSettings>());
    return Response.json({ r2: r2.counts, d1: d1.counts });
  },
};

async function keysUnder(env: Env, prefix: string): Promise<{ key: string; size: number }[]> {
  const { objects } = await env.ARCHIVE.list({ prefix });
  return objects.map(({ key, size }) => ({ key: key.slice(prefix.length), size }));
}

function apply(settings: FaultSettings): void {
  r2.rates = settings.r2;
  r2.random = new Random(settings.seed);
  d1.rates = settings.d1;
  d1.random = new Random(settings.seed + 1);
  clockOffsetMs = settings.clockOffsetMs;
}

/** The run's object loses its memory at once, whatever is under way, and its sockets with it. */
async function crash(env: Env, runId: string): Promise<void> {
  await env.RUNS.getByName(runId)
    .fetch(`https://object${CRASH}`)
    .catch((error: unknown) => {
      if (!String(error).includes(CRASH)) throw error;
    });
}

export class RunObject extends OwnRunObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, faulty(env));
    keepAlarmsReal(ctx.storage);
  }

  override fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname === CRASH) this.ctx.abort(CRASH);
    return super.fetch(request);
  }

  override alarm(info?: AlarmInvocationInfo): Promise<void> {
    return super.alarm(info && { ...info, scheduledTime: info.scheduledTime + clockOffsetMs });
  }
}

export class WorkspaceObject extends OwnWorkspaceObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, faulty(env));
  }
}

/** The product means the clock it sees; the platform has only the real one. */
function keepAlarmsReal(storage: DurableObjectStorage): void {
  const setAlarm = storage.setAlarm.bind(storage);
  Object.defineProperty(storage, "setAlarm", {
    value: (at: number | Date, options?: DurableObjectSetAlarmOptions) => setAlarm(Number(at) - clockOffsetMs, options),
  });
}

const faulty = (env: Env): Env => ({ ...env, DB: faultyDatabase(env.DB), ARCHIVE: faultyBucket(env.ARCHIVE) });

function faultyBucket(bucket: R2Bucket): R2Bucket {
  const slow = <Name extends "get" | "put" | "head" | "list" | "delete">(name: Name) => ({
    [name]: (...args: never[]) => r2.make(name, () => Reflect.apply(bucket[name], bucket, args)),
  });
  return wrap(bucket, {
    ...slow("get"),
    ...slow("put"),
    ...slow("head"),
    ...slow("list"),
    ...slow("delete"),
    createMultipartUpload: (key: string, options?: R2MultipartOptions) =>
      r2.make("createMultipartUpload", async () => faultyUpload(await bucket.createMultipartUpload(key, options))),
    resumeMultipartUpload: (key: string, uploadId: string) => faultyUpload(bucket.resumeMultipartUpload(key, uploadId)),
  });
}

function faultyUpload(upload: R2MultipartUpload): R2MultipartUpload {
  return wrap(upload, {
    uploadPart: (partNumber: number, value: ReadableStream | ArrayBuffer | ArrayBufferView | string | Blob) =>
      r2.make("uploadPart", () => upload.uploadPart(partNumber, value)),
    complete: (parts: R2UploadedPart[]) => r2.make("completeMultipartUpload", () => upload.complete(parts)),
  });
}

/** The real statement behind each wrapped one: `batch` takes nothing else. */
const realStatements = new WeakMap<D1PreparedStatement, D1PreparedStatement>();

function faultyDatabase(database: D1Database): D1Database {
  return wrap(database, {
    prepare: (sql: string) => faultyStatement(database.prepare(sql)),
    batch: (statements: D1PreparedStatement[]) =>
      d1.make("batch", () => database.batch(statements.map((each) => realStatements.get(each) ?? each))),
  });
}

function faultyStatement(statement: D1PreparedStatement): D1PreparedStatement {
  const slow = <Name extends "run" | "all" | "first" | "raw">(name: Name) => ({
    [name]: (...args: never[]) => d1.make(name, () => Reflect.apply(statement[name], statement, args)),
  });
  const wrapped = wrap(statement, {
    bind: (...values: unknown[]) => faultyStatement(statement.bind(...values)),
    ...slow("run"),
    ...slow("all"),
    ...slow("first"),
    ...slow("raw"),
  });
  realStatements.set(wrapped, statement);
  return wrapped;
}

/** `target` with some methods replaced. */
function wrap<Target extends object>(target: Target, replaced: Record<string, (...args: never[]) => unknown>): Target {
  return new Proxy(target, {
    get(_target, name) {
      if (typeof name === "string" && Object.hasOwn(replaced, name)) return replaced[name];
      // The platform's objects accept only themselves as `this`.
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
