import { wrapped } from "../../worker/timing/wrapped.ts";
import { nothingBilled, type Billed } from "../load/billed.ts";

/** Worker and objects share one isolate here. */
export let counts = nothingBilled();

/** What was counted since this was last asked. */
export function takeCounts(): Billed {
  countCursors();
  const taken = counts;
  counts = nothingBilled();
  return taken;
}

/** Read to their end later than they are made. */
let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];

function countCursors(): void {
  for (const { rowsRead, rowsWritten } of cursors) {
    counts.rowsRead += rowsRead;
    counts.rowsWritten += rowsWritten;
  }
  cursors = [];
}

/** In place: the platform takes no other object for its own. */
export function countStorage(storage: DurableObjectStorage): void {
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  Object.defineProperty(sql, "exec", {
    value: (query: string, ...bindings: SqlStorageValue[]) => {
      countCursors();
      const cursor = exec(query, ...bindings);
      cursors.push(cursor);
      return cursor;
    },
  });
  const setAlarm = storage.setAlarm.bind(storage);
  Object.defineProperty(storage, "setAlarm", {
    value: (at: number | Date) => {
      counts.rowsWritten += 1;
      return setAlarm(at);
    },
  });
}

export const countObjects = <Class extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<Class>,
): DurableObjectNamespace<Class> =>
  wrapped(namespace, { getByName: (name: string) => countCalls(namespace.getByName(name)) });

/** An object's methods are not listed anywhere: whatever is called is counted. */
const countCalls = <Stub extends object>(stub: Stub): Stub =>
  new Proxy(stub, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        counts.objectRequests += 1;
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });

export function countBucket(bucket: R2Bucket): R2Bucket {
  const upload = (own: R2MultipartUpload): R2MultipartUpload =>
    wrapped(own, {
      uploadPart: (...args: Parameters<R2MultipartUpload["uploadPart"]>) => written(own.uploadPart(...args)),
      complete: (parts: R2UploadedPart[]) => written(own.complete(parts)),
    });
  return wrapped(bucket, {
    get: (key: string, options?: R2GetOptions) => read(bucket.get(key, options)),
    head: (key: string) => read(bucket.head(key)),
    put: (key: string, value: string | ArrayBuffer, options?: R2PutOptions) => written(bucket.put(key, value, options)),
    list: (options?: R2ListOptions) => written(bucket.list(options)),
    createMultipartUpload: async (key: string, options?: R2MultipartOptions) =>
      upload(await written(bucket.createMultipartUpload(key, options))),
    resumeMultipartUpload: (key: string, id: string) => upload(bucket.resumeMultipartUpload(key, id)),
  });
}

function written<Answer>(answer: Promise<Answer>): Promise<Answer> {
  counts.r2Writes += 1;
  return answer;
}

function read<Answer>(answer: Promise<Answer>): Promise<Answer> {
  counts.r2Reads += 1;
  return answer;
}

/** A batch takes only statements of its own making. */
const ownStatements = new WeakMap<D1PreparedStatement, D1PreparedStatement>();

export const countDatabase = (database: D1Database): D1Database =>
  wrapped(database, {
    prepare: (query: string) => countStatement(database.prepare(query)),
    batch: async (statements: D1PreparedStatement[]) => {
      const results = await database.batch(statements.map((each) => ownStatements.get(each) ?? each));
      results.forEach(countD1);
      return results;
    },
  });

function countStatement(own: D1PreparedStatement): D1PreparedStatement {
  const counted = wrapped(own, {
    bind: (...values: unknown[]) => countStatement(own.bind(...values)),
    run: () => own.run().then(countD1),
    all: () => own.all().then(countD1),
    // These two do not say what they read: at least what they answer.
    first: (column?: string) => {
      counts.d1RowsRead += 1;
      return column === undefined ? own.first() : own.first(column);
    },
    raw: async (options?: { columnNames?: false }) => {
      const rows = await own.raw(options);
      counts.d1RowsRead += rows.length;
      return rows;
    },
  });
  ownStatements.set(counted, own);
  return counted;
}

function countD1<Result extends D1Result>(result: Result): Result {
  counts.d1RowsRead += result.meta.rows_read;
  counts.d1RowsWritten += result.meta.rows_written;
  return result;
}
