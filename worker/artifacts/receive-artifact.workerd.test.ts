import { env } from "cloudflare:workers";
import { beforeEach, expect, test } from "vitest";
import { artifactPath } from "../../core/run/artifacts.ts";
import { bytesToHex } from "../../protocol/hex.ts";
import { D1Artifacts } from "../../storage/d1-artifacts.ts";
import { D1RunIndex } from "../../storage/d1-run-index.ts";
import { ARTIFACT_PART_BYTES, R2Artifacts } from "../../storage/r2-artifacts.ts";
import { indexed } from "../../storage/run-index.contract.ts";
import { receiveArtifact, type ReceivePorts, type Reception } from "./receive-artifact.ts";

const MIB = 1024 * 1024;
let run: { workspaceId: string; runId: string };
let artifacts: D1Artifacts;
let files: R2Artifacts;

beforeEach(async () => {
  const runId = `0194a8e0-0000-7000-8000-${String(Math.floor(Math.random() * 1e12)).padStart(12, "0")}`;
  run = { workspaceId: "default", runId };
  await new D1RunIndex(env.DB).upsert(indexed({ run_id: runId }));
  artifacts = new D1Artifacts(env.DB);
  files = new R2Artifacts(env.ARCHIVE, run);
});

const ports = (over: Partial<ReceivePorts> = {}): ReceivePorts => ({
  artifacts,
  files,
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  maxBytes: 64 * MIB,
  ...over,
});

/** `bytes` that are like no others at the same place, in pieces of an odd size. */
function content(bytes: number, seed = 1): Uint8Array {
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 1) all[at] = (at * 31 + (at >> 8) * seed + seed) & 255;
  return all;
}
const streamOf = (all: Uint8Array, piece = 65_537, breakAt = Infinity): ReadableStream<Uint8Array> => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= breakAt) return controller.error(new Error("the client has left"));
      if (at >= all.length) return controller.close();
      controller.enqueue(all.slice(at, at + piece));
      at += piece;
    },
  });
};
const receive = (
  body: ReadableStream<Uint8Array> | null,
  over: Partial<ReceivePorts> = {},
  name = "file",
): Promise<Reception> => receiveArtifact(ports(over), { run, name, mediaType: "text/plain", body });
const stored = async (name = "file"): Promise<Uint8Array | null> => {
  const object = await env.ARCHIVE.get(artifactPath(run, name));
  return object === null ? null : new Uint8Array(await object.arrayBuffer());
};
const sha256 = async (bytes: Uint8Array): Promise<string> =>
  bytesToHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
/** Nothing in R2, nothing in a list, nothing under way. */
async function expectNothing(): Promise<void> {
  expect(await stored()).toBeNull();
  expect(await artifacts.list(run.runId)).toEqual([]);
  expect(await artifacts.uploads(run)).toEqual([]);
}

test.each([0, 1, ARTIFACT_PART_BYTES - 1, ARTIFACT_PART_BYTES, ARTIFACT_PART_BYTES + 1, 3 * ARTIFACT_PART_BYTES + 7])(
  "[ART1] %d bytes come back as they were, with their hash, and leave no upload behind",
  async (bytes) => {
    const all = content(bytes);
    const reception = await receive(bytes === 0 ? null : streamOf(all));
    const hash = await sha256(all);
    expect(reception).toMatchObject({ kind: "created", artifact: { name: "file", bytes, sha256: hash } });
    const back = await stored();
    expect(back?.byteLength).toBe(bytes);
    expect(await sha256(back ?? new Uint8Array(9))).toBe(hash);
    expect(await artifacts.find(run.runId, "file")).toEqual(reception.kind === "created" ? reception.artifact : null);
    expect(await artifacts.uploads(run)).toEqual([]);
  },
);

test.each([10, ARTIFACT_PART_BYTES, 2 * ARTIFACT_PART_BYTES + 5])(
  "[ART1] a body that breaks off after %d bytes leaves nothing",
  async (breakAt) => {
    const reception = await receive(streamOf(content(12 * MIB), 65_536, breakAt));
    expect(reception).toMatchObject({ kind: "refused", refusal: { code: "INVALID_BODY" } });
    await expectNothing();
    expect(await receive(streamOf(content(9)))).toMatchObject({ kind: "created" });
  },
);

test.each([100, 6 * MIB])(
  "[ART1] a body over its limit of %d bytes is refused as it passes it, and leaves nothing",
  async (maxBytes) => {
    let asked = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        asked += 1;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    expect(await receive(endless, { maxBytes })).toMatchObject({
      kind: "refused",
      refusal: { code: "PAYLOAD_TOO_LARGE" },
    });
    expect(asked).toBeLessThan(maxBytes / 65_536 + 4);
    await expectNothing();
  },
);

test("[ART1] R2 that fails in the middle leaves nothing, and the next try takes it", async () => {
  class Failing extends R2Artifacts {
    override uploadPart(name: string, uploadId: string, number: number, bytes: Uint8Array): Promise<R2UploadedPart> {
      if (number === 2) throw new Error("R2 is away");
      return super.uploadPart(name, uploadId, number, bytes);
    }
  }
  const failing = new Failing(env.ARCHIVE, run);
  await expect(receive(streamOf(content(12 * MIB)), { files: failing })).rejects.toThrow("R2 is away");
  await expectNothing();
  expect(await receive(streamOf(content(12 * MIB)))).toMatchObject({ kind: "created" });
});

test("[ART2] the same bytes again are the same artifact, others are refused, and what is stored stays", async () => {
  const first = content(6 * MIB);
  const made = await receive(streamOf(first));
  expect(await receive(streamOf(first, 1_000_003))).toEqual({ ...made, kind: "same" });
  for (const other of [content(6 * MIB, 2), first.subarray(1), new Uint8Array()]) {
    expect(await receive(streamOf(other))).toMatchObject({ kind: "refused", refusal: { code: "ARTIFACT_DIFFERS" } });
  }
  expect(await sha256((await stored()) ?? new Uint8Array())).toBe(await sha256(first));
  expect(await artifacts.list(run.runId)).toHaveLength(1);
});

test("[ART2] of uploads at the same moment one makes the artifact: those with its bytes are the same, the others refused", async () => {
  for (let round = 0; round < 5; round += 1) {
    const name = `race-${round}`;
    const seeds = [1, 2, 1, 3, 1, 2];
    const receptions = await Promise.all(
      seeds.map((seed) => receive(streamOf(content(5 * MIB + 9, seed), 500_000), {}, name)),
    );
    const won = receptions.filter(({ kind }) => kind === "created");
    expect(won).toHaveLength(1);
    const winner = seeds[receptions.findIndex(({ kind }) => kind === "created")] ?? 0;
    for (const [at, reception] of receptions.entries()) {
      if (seeds[at] === winner) expect(["created", "same"]).toContain(reception.kind);
      else expect(reception).toMatchObject({ refusal: { code: "ARTIFACT_DIFFERS" } });
    }
    expect(await sha256((await stored(name)) ?? new Uint8Array())).toBe(await sha256(content(5 * MIB + 9, winner)));
  }
  expect(await artifacts.uploads(run)).toEqual([]);
});

/** What a server leaves that dies right before, or right after, its upload became an object. */
async function leaveClaim(bytes: Uint8Array, completes: boolean): Promise<string> {
  const uploadId = await files.startUpload("file", "text/plain");
  const upload = { run, name: "file", uploadId };
  await artifacts.begin(upload, 1);
  const part = await files.uploadPart("file", uploadId, 1, bytes);
  const facts = {
    name: "file",
    bytes: bytes.length,
    media_type: "text/plain",
    sha256: await sha256(bytes),
    created_at: "",
  };
  expect(await artifacts.claim(upload, facts, 1)).toEqual({ kind: "mine" });
  if (completes) await files.completeUpload("file", uploadId, [part]);
  return uploadId;
}

test.each([
  ["before", "the same", false, 1, "created"],
  ["before", "other", false, 2, "created"],
  ["after", "the same", true, 1, "same"],
  ["after", "other", true, 2, "refused"],
])(
  "[ART2] a server that died right %s its upload became the artifact, then %s bytes",
  async (_when, _what, completes, seed, kind) => {
    const uploadId = await leaveClaim(content(99, 1), completes);
    expect(await artifacts.list(run.runId)).toEqual([]);
    const bytes = content(99, seed);
    expect((await receive(streamOf(bytes))).kind).toBe(kind);
    const there = kind === "refused" ? content(99, 1) : bytes;
    expect(await stored()).toEqual(there);
    expect(await artifacts.list(run.runId)).toMatchObject([{ sha256: await sha256(there) }]);
    // The dead server is not so dead: what it was about to do changes nothing.
    expect(await files.completeUpload("file", uploadId, [])).toBe("gone");
    expect(await stored()).toEqual(there);
  },
);

test("[ART4] an artifact whose bytes are missing takes the same bytes again, and no others", async () => {
  const bytes = content(1_000);
  await receive(streamOf(bytes));
  await env.ARCHIVE.delete(artifactPath(run, "file"));
  expect(await receive(streamOf(content(1_000, 2)))).toMatchObject({ refusal: { code: "ARTIFACT_DIFFERS" } });
  expect(await stored()).toBeNull();
  expect(await receive(streamOf(bytes))).toMatchObject({ kind: "created" });
  expect(await stored()).toEqual(bytes);
});

test("[ART3] a run takes a thousand artifacts and no more; those that it has are still the same", async () => {
  await env.DB.prepare(
    `INSERT INTO artifacts (run_id, name, bytes, media_type, sha256, created_at, upload_id, claimed_at_ms)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) SELECT ?, 'n' || i, 1, 'a/b', 'x', 't', NULL, 0 FROM n`,
  )
    .bind(run.runId)
    .run();
  expect(await receive(streamOf(content(9)), {}, "the last")).toMatchObject({ kind: "created" });
  expect(await receive(streamOf(content(9)), {}, "one more")).toMatchObject({ refusal: { code: "ARTIFACT_LIMIT" } });
  expect(await stored("one more")).toBeNull();
  expect(await receive(streamOf(content(9)), {}, "the last")).toMatchObject({ kind: "same" });
});

test("[DEL2] an upload that is under way when its run is deleted becomes nothing, wherever it stands", async () => {
  const index = new D1RunIndex(env.DB);
  const bytes = content(6 * MIB);
  /** Deletes the run at one of the moments of an upload. */
  const deletion = async (): Promise<void> => {
    await index.bury(run.runId);
    for (const upload of await artifacts.uploads(run)) await files.abortUpload(upload.name, upload.uploadId);
    await env.ARCHIVE.delete(artifactPath(run, "file"));
    await index.delete(run.runId);
  };
  for (const moment of ["startUpload", "uploadPart", "completeUpload", "completed"]) {
    await beforeEachRun();
    const interrupted = new Proxy(files, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        const call = value.bind(target);
        if (name === "completeUpload" && moment === "completed") {
          return async (...args: unknown[]) => {
            const answer: unknown = await call(...args);
            await deletion();
            return answer;
          };
        }
        if (name !== moment) return call;
        return async (...args: unknown[]) => {
          await deletion();
          return call(...args);
        };
      },
    });
    const reception = await receive(streamOf(bytes), { files: interrupted }).catch((error: unknown) => ({
      kind: "failed",
      error,
    }));
    expect(["gone", "refused", "failed"], moment).toContain(reception.kind);
    await expectNothing();
  }

  async function beforeEachRun(): Promise<void> {
    run = { ...run, runId: `0194a8e0-0000-7000-8000-${String(Math.floor(Math.random() * 1e12)).padStart(12, "0")}` };
    files = new R2Artifacts(env.ARCHIVE, run);
    await index.upsert(indexed({ run_id: run.runId }));
  }
});
