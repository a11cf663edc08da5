import type { Env } from "../env.ts";
import type { Timings } from "./timings.ts";
import { wrapped } from "./wrapped.ts";

/** The same bindings; how long each answer took is added to the request's timings. */
export const timedEnv = (env: Env, timings: Timings): Env => ({
  ...env,
  DB: timedDatabase(env.DB, timings),
  ARCHIVE: timedBucket(env.ARCHIVE, timings),
  RUNS: timedNamespace(env.RUNS, timings),
  WORKSPACES: timedNamespace(env.WORKSPACES, timings),
});

function timedDatabase(database: D1Database, timings: Timings): D1Database {
  const ownByTimed = new WeakMap<D1PreparedStatement, D1PreparedStatement>();
  const timedStatement = (statement: D1PreparedStatement): D1PreparedStatement => {
    const timed = wrapped(statement, {
      bind: (...values: unknown[]) => timedStatement(statement.bind(...values)),
      ...timedMethods(statement, ["first", "run", "all", "raw"], (ask) => timings.measure("d1", ask)),
    });
    ownByTimed.set(timed, statement);
    return timed;
  };
  return wrapped(database, {
    prepare: (query: string) => timedStatement(database.prepare(query)),
    // A batch takes only statements of its own making.
    batch: (statements: D1PreparedStatement[]) =>
      timings.measure("d1", () => database.batch(statements.map((timed) => ownByTimed.get(timed) ?? timed))),
  });
}

const timedBucket = (bucket: R2Bucket, timings: Timings): R2Bucket =>
  wrapped(
    bucket,
    timedMethods(bucket, ["head", "get", "put", "delete", "list", "createMultipartUpload"], (ask) =>
      timings.measure("r2", ask),
    ),
  );

function timedNamespace<Class extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<Class>,
  timings: Timings,
): DurableObjectNamespace<Class> {
  return wrapped(namespace, { getByName: (name: string) => timedStub(namespace.getByName(name), timings) });
}

/** An object's methods are not listed anywhere: whatever is called is timed. */
const timedStub = <Stub extends object>(stub: Stub, timings: Timings): Stub =>
  new Proxy(stub, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): Promise<unknown> =>
        timings.measure("object", () => Reflect.apply(member, target, args) as unknown);
    },
  });

type Ask = () => unknown;

function timedMethods<Target extends object>(
  target: Target,
  names: readonly (string & keyof Target)[],
  measure: (ask: Ask) => Promise<unknown>,
): Record<string, (...args: never[]) => Promise<unknown>> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (...args: unknown[]) => {
        const method: unknown = Reflect.get(target, name, target);
        if (typeof method !== "function") throw new TypeError(`${name} is not a method`);
        return measure(() => Reflect.apply(method, target, args) as unknown);
      },
    ]),
  );
}
