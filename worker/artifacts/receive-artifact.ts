import type { RunAddress } from "../../core/ports.ts";
import { bytesToHex } from "../../protocol/hex.ts";
import type { Artifact } from "../../protocol/api.ts";
import type { Refusal } from "../../protocol/error-code.ts";
import type { D1Artifacts, Upload } from "../../storage/d1-artifacts.ts";
import { ARTIFACT_PART_BYTES, type R2Artifacts } from "../../storage/r2-artifacts.ts";

export type Reception =
  | { kind: "created"; artifact: Artifact }
  /** It was there already, with these bytes. */
  | { kind: "same"; artifact: Artifact }
  | { kind: "gone" }
  | { kind: "refused"; refusal: Refusal };

export type ReceivePorts = {
  artifacts: D1Artifacts;
  files: R2Artifacts;
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  maxBytes: number;
};
type Wanted = { run: RunAddress; name: string; mediaType: string; body: ReadableStream<Uint8Array> | null };
type Parts = { sha256: string; bytes: number; parts: R2UploadedPart[] };

/** From the claim of a name to the object it is a moment. An older claim is that of a server that died over it. */
const CLAIM_MS = 10_000;
const LOOK_AGAIN_MS = 100;

/** The client stopped sending before the end of what it had announced. */
class BrokenOff extends Error {}

/**
 * Takes a file in: at its end it is an artifact, whole, or nothing is left of it. What is held of it at any time is one part. [ART1]
 */
export async function receiveArtifact(ports: ReceivePorts, wanted: Wanted): Promise<Reception> {
  const { artifacts, files } = ports;
  const known = await artifacts.find(wanted.run.runId, wanted.name);
  // What is there is not stored again: its bytes are only compared. [ART2]
  if (known !== null && (await files.has(wanted.name))) {
    const same = await readParts(wanted.body, ports.maxBytes, null);
    if (same.kind === "refused") return same;
    return same.sha256 === known.sha256 ? { kind: "same", artifact: known } : differs(known);
  }

  const uploadId = await files.startUpload(wanted.name, wanted.mediaType);
  const upload: Upload = { run: wanted.run, name: wanted.name, uploadId };
  let reception: Reception = { kind: "gone" };
  try {
    if (await artifacts.begin(upload, ports.now())) {
      const part = (number: number, bytes: Uint8Array) => files.uploadPart(upload.name, uploadId, number, bytes);
      const read = await readParts(wanted.body, ports.maxBytes, part);
      reception = read.kind === "refused" ? read : await settle(ports, upload, wanted.mediaType, read);
    }
    return reception;
  } finally {
    if (reception.kind !== "created") await files.abortUpload(upload.name, uploadId);
    await artifacts.forget(upload);
  }
}

/** Reads the body to its end, a part at a time: the next is not asked for while one is on its way. */
async function readParts(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  keepPart: ((number: number, bytes: Uint8Array) => Promise<R2UploadedPart>) | null,
): Promise<({ kind: "read" } & Parts) | { kind: "refused"; refusal: Refusal }> {
  const digest = new crypto.DigestStream("SHA-256");
  const hash = digest.getWriter();
  const parts: R2UploadedPart[] = [];
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let bytes = 0;
  const flush = async (length: number): Promise<void> => {
    if (keepPart === null) return;
    const { part, rest } = cut(waiting, length);
    waiting = rest;
    waitingBytes -= length;
    parts.push(await keepPart(parts.length + 1, part));
  };
  try {
    for await (const piece of piecesOf(body)) {
      bytes += piece.byteLength;
      if (bytes > maxBytes) {
        await Promise.allSettled([hash.abort(), digest.digest]);
        const detail = `an artifact holds at most ${maxBytes} bytes`;
        return { kind: "refused", refusal: { code: "PAYLOAD_TOO_LARGE", detail } };
      }
      await hash.write(piece);
      if (keepPart !== null) waiting.push(piece);
      waitingBytes += piece.byteLength;
      while (keepPart !== null && waitingBytes >= ARTIFACT_PART_BYTES) await flush(ARTIFACT_PART_BYTES);
    }
  } catch (error) {
    if (!(error instanceof BrokenOff)) throw error;
    await Promise.allSettled([hash.abort(), digest.digest]);
    return { kind: "refused", refusal: { code: "INVALID_BODY", detail: `the body broke off after ${bytes} bytes` } };
  }
  // An empty file is an object too: one part without bytes.
  if (waitingBytes > 0 || bytes === 0) await flush(waitingBytes);
  await hash.close();
  return { kind: "read", sha256: bytesToHex(new Uint8Array(await digest.digest)), bytes, parts };
}

async function* piecesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  for (;;) {
    let next: Awaited<ReturnType<typeof reader.read>>;
    try {
      next = await reader.read();
    } catch (error) {
      throw new BrokenOff("the body broke off", { cause: error });
    }
    if (next.done) return;
    yield next.value;
  }
}

/** Makes the artifact of the upload, if the name is free or its place can be taken. [ART2] */
async function settle(ports: ReceivePorts, upload: Upload, mediaType: string, read: Parts): Promise<Reception> {
  const { artifacts, files, now } = ports;
  const { name } = upload;
  for (;;) {
    const artifact: Artifact = {
      name,
      bytes: read.bytes,
      media_type: mediaType,
      sha256: read.sha256,
      created_at: new Date(now()).toISOString(),
    };
    const claim = await artifacts.claim(upload, artifact, now());
    switch (claim.kind) {
      case "gone":
        return { kind: "gone" };
      case "full":
        return {
          kind: "refused",
          refusal: { code: "ARTIFACT_LIMIT", detail: "delete the run, or put files together" },
        };
      case "mine":
        return complete(ports, upload, artifact, read.parts);
      case "taken": {
        const { row } = claim;
        const isSame = row.sha256 === read.sha256;
        if (row.uploadId === null) {
          if (!isSame) return differs(row);
          const known = await artifacts.find(upload.run.runId, name);
          // Missing in R2 although it was stored: these bytes are the missing ones. [ART4]
          if (known !== null && (await files.has(name))) return { kind: "same", artifact: known };
          if (await artifacts.takeOver(upload, artifact, null, now()))
            return complete(ports, upload, artifact, read.parts);
        } else if (row.claimedAtMs + CLAIM_MS > now()) {
          // About to become the artifact: what comes of it decides.
          await ports.sleep(LOOK_AGAIN_MS);
        } else {
          // First that upload must never become an object any more, then its place can be taken.
          await files.abortUpload(name, row.uploadId);
          if (await files.has(name)) await artifacts.stored({ ...upload, uploadId: row.uploadId });
          else if (await artifacts.takeOver(upload, artifact, row.uploadId, now()))
            return complete(ports, upload, artifact, read.parts);
        }
      }
    }
  }
}

async function complete(
  { artifacts, files }: ReceivePorts,
  upload: Upload,
  artifact: Artifact,
  parts: R2UploadedPart[],
): Promise<Reception> {
  if ((await files.completeUpload(upload.name, upload.uploadId, parts)) === "gone") {
    const detail = "another upload of this name, or a deletion, came between; try again";
    return { kind: "refused", refusal: { code: "STORAGE_UNAVAILABLE", detail } };
  }
  return (await artifacts.stored(upload)) ? { kind: "created", artifact } : { kind: "gone" };
}

const differs = ({ sha256, bytes }: { sha256: string; bytes: number }): Reception => ({
  kind: "refused",
  refusal: {
    code: "ARTIFACT_DIFFERS",
    detail: `an artifact of this name has ${bytes} bytes with the SHA-256 ${sha256}; what is stored never changes`,
  },
});

/** The first `length` bytes as one piece, and what is left. */
function cut(pieces: readonly Uint8Array[], length: number): { part: Uint8Array; rest: Uint8Array[] } {
  const part = new Uint8Array(length);
  const rest: Uint8Array[] = [];
  let at = 0;
  for (const piece of pieces) {
    const taken = piece.subarray(0, length - at);
    part.set(taken, at);
    at += taken.byteLength;
    if (taken.byteLength < piece.byteLength) rest.push(piece.subarray(taken.byteLength));
  }
  return { part, rest };
}
