import worker, { RunObject as OwnRunObject, WorkspaceObject as OwnWorkspaceObject } from "../../worker/index.ts";
import type { Env } from "../../worker/env.ts";
import { wrapped } from "../../worker/timing/wrapped.ts";

/**
 * The real Worker and its real objects, with the bindings they ask wrapped so that what they ask is counted, and R2 can be slow. Nothing is answered
 * differently. Worker and objects share one isolate here, so what is counted and set holds for all of them.
 */
let archiveDelay = { ms: 0, runId: "" };
const counts = { statements: [] as string[], archiveBytesRead: 0, bytesAnswered: 0, mostBytesHeld: 0 };

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/archive-delay") {
      archiveDelay = { ms: Number(searchParams.get("ms")), runId: searchParams.get("run") ?? "" };
      return new Response();
    }
    if (pathname !== "/counts") {
      const response = await worker.fetch(request, counted(env), context);
      if (!pathname.endsWith("/events") || response.body === null) return response;
      return new Response(response.body.pipeThrough(passing((bytes) => (counts.bytesAnswered += bytes))), response);
    }
    const answer = Response.json(counts);
    if (request.method === "DELETE") {
      Object.assign(counts, { statements: [], archiveBytesRead: 0, bytesAnswered: 0, mostBytesHeld: 0 });
    }
    return answer;
  },
};

export class RunObject extends OwnRunObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, counted(env));
  }
}

export class WorkspaceObject extends OwnWorkspaceObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, counted(env));
  }
}

const counted = (env: Env): Env => ({
  ...env,
  DB: countStatements(env.DB),
  ARCHIVE: slowDown(countReads(env.ARCHIVE)),
});

/** Nothing is prepared that is not run: every statement of ours is prepared by the call that runs it. */
function countStatements(database: D1Database): D1Database {
  return wrapped(database, {
    prepare: (sql: string) => {
      counts.statements.push(sql);
      return database.prepare(sql);
    },
  });
}

function countReads(bucket: R2Bucket): R2Bucket {
  return wrapped(bucket, {
    get: async (key: string, options?: R2GetOptions) => {
      const object = await bucket.get(key, options);
      return object === null || !("body" in object) ? object : countBody(object);
    },
  });
}

/** Every call of R2, or every one about one run, takes so much longer; one that waits goes on when the delay is taken away. */
function slowDown(bucket: R2Bucket): R2Bucket {
  return wrapped(bucket, {
    get: (key: string, options?: R2GetOptions) => delayed(key, () => bucket.get(key, options)),
    head: (key: string) => delayed(key, () => bucket.head(key)),
    put: (key: string, value: string | ArrayBuffer, options?: R2PutOptions) =>
      delayed(key, () => bucket.put(key, value, options)),
    delete: (keys: string | string[]) => delayed(String(keys), () => bucket.delete(keys)),
    list: (options?: R2ListOptions) => delayed(options?.prefix ?? "", () => bucket.list(options)),
    createMultipartUpload: (key: string, options?: R2MultipartOptions) =>
      delayed(key, () => bucket.createMultipartUpload(key, options)),
    resumeMultipartUpload: (key: string, uploadId: string) => {
      const upload = bucket.resumeMultipartUpload(key, uploadId);
      return wrapped(upload, {
        uploadPart: (partNumber: number, value: ArrayBuffer) =>
          delayed(key, () => upload.uploadPart(partNumber, value)),
        complete: (parts: R2UploadedPart[]) => delayed(key, () => upload.complete(parts)),
      });
    },
  });
}

async function delayed<Answer>(keys: string, call: () => Promise<Answer>): Promise<Answer> {
  const begunAt = Date.now();
  for (;;) {
    const delayMs = keys.includes(archiveDelay.runId) ? archiveDelay.ms : 0;
    const restMs = begunAt + delayMs - Date.now();
    if (restMs <= 0) return call();
    await scheduler.wait(Math.min(restMs, 50));
  }
}

function countBody(object: R2ObjectBody): R2ObjectBody {
  const whole = <Value>(value: Value): Value => {
    // Of a part that was asked for, its length.
    const { range } = object;
    countRead(range !== undefined && "length" in range ? (range.length ?? object.size) : object.size);
    return value;
  };
  let body: ReadableStream | null = null;
  return wrapped(object, {
    // Asked for more than once, it is still one stream.
    body: () => (body ??= object.body.pipeThrough(passing(countRead))),
    text: async () => whole(await object.text()),
    json: async () => whole(await object.json()),
    arrayBuffer: async () => whole(await object.arrayBuffer()),
  });
}

/** What was read and not yet answered is held somewhere between the two. */
function countRead(bytes: number): void {
  counts.archiveBytesRead += bytes;
  counts.mostBytesHeld = Math.max(counts.mostBytesHeld, counts.archiveBytesRead - counts.bytesAnswered);
}

/** Passes pieces on, each when it is asked for, and says how large they were. */
const passing = (count: (bytes: number) => void): TransformStream<Uint8Array, Uint8Array> =>
  new TransformStream<Uint8Array, Uint8Array>(
    {
      transform(piece, controller) {
        count(piece.byteLength);
        controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
    { highWaterMark: 0 },
  );
