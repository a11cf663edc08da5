import { bytesToHex } from "../protocol/hex.ts";
import type { Manifest } from "../protocol/proof/manifest.ts";
import type { Archive, RunAddress, SegmentKey, StoredSegment, Upload, UploadedFile } from "../core/ports.ts";
import { isNoSuchUpload } from "./r2-errors.ts";
import { indexKey, manifestKey, segmentKey, timelineKey, wholeLogKey } from "./log-keys.ts";
import { manifestOf } from "./stored-manifest.ts";
import { isR2Error, NO_SUCH_UPLOAD, OUTSIDE_THE_OBJECT } from "./r2-error.ts";

const NDJSON = { httpMetadata: { contentType: "application/x-ndjson" } };
/** R2 deletes at most so many keys in one call. */
const KEYS_A_DELETE = 1000;

/** The log of a run in R2. What is put is a pure function of what was decided before, so each call may be repeated after a kill. */
export class R2Archive implements Archive {
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  async putSegment(
    run: RunAddress,
    segment: SegmentKey,
    lines: string,
  ): Promise<StoredSegment | { kind: "occupied"; etag: string }> {
    const { bytes, sha256 } = await hashed(lines);
    const key = segmentKey(run, segment);
    const onlyIf = new Headers({ "if-none-match": "*" });
    if ((await this.#bucket.put(key, bytes, { ...NDJSON, sha256, onlyIf })) !== null) return { kind: "stored", sha256 };
    // It is there already: from an attempt that was killed before it could write that down, or from nobody we know.
    const there = await this.#bucket.head(key);
    if (there === null) throw new Error(`${key} was there, and is gone`);
    const stored = there.checksums.sha256;
    const isOwn = stored !== undefined && bytesToHex(new Uint8Array(stored)) === sha256;
    return isOwn ? { kind: "stored", sha256 } : { kind: "occupied", etag: there.etag };
  }

  async replaceSegment(
    run: RunAddress,
    segment: SegmentKey,
    lines: string,
    etag: string,
  ): Promise<StoredSegment | { kind: "changed" }> {
    const { bytes, sha256 } = await hashed(lines);
    const onlyIf = { etagMatches: etag };
    const put = await this.#bucket.put(segmentKey(run, segment), bytes, { ...NDJSON, sha256, onlyIf });
    return put === null ? { kind: "changed" } : { kind: "stored", sha256 };
  }

  async readSegment(run: RunAddress, segment: SegmentKey): Promise<string | null> {
    const object = await this.#bucket.get(segmentKey(run, segment));
    return object === null ? null : object.text();
  }

  async readLog(run: RunAddress, from: number, to: number): Promise<string | null> {
    try {
      const object = await this.#bucket.get(wholeLogKey(run), { range: { offset: from, length: to - from } });
      return object === null ? null : await object.text();
    } catch (error) {
      // The stored log was cut off before that.
      if (isR2Error(error, OUTSIDE_THE_OBJECT)) return "";
      throw error;
    }
  }

  readSegments(run: RunAddress, segments: readonly SegmentKey[]): Promise<(Uint8Array | null)[]> {
    return Promise.all(segments.map((segment) => this.#segmentBytes(run, segment)));
  }

  async putLog(run: RunAddress, bytes: Uint8Array): Promise<void> {
    await this.#bucket.put(wholeLogKey(run), bytes, NDJSON);
  }

  async startUpload(run: RunAddress, file: UploadedFile): Promise<string> {
    const upload = await this.#bucket.createMultipartUpload(keyOf(run, file), NDJSON);
    return upload.uploadId;
  }

  async uploadPart(
    run: RunAddress,
    { partNumber, ...upload }: Upload & { partNumber: number },
    bytes: Uint8Array,
  ): Promise<{ kind: "uploaded"; etag: string } | { kind: "gone" }> {
    try {
      const part = await this.#resumed(run, upload).uploadPart(partNumber, bytes);
      return { kind: "uploaded", etag: part.etag };
    } catch (error) {
      if (isR2Error(error, NO_SUCH_UPLOAD)) return { kind: "gone" };
      throw error;
    }
  }

  async completeUpload(
    run: RunAddress,
    { parts, ...upload }: Upload & { parts: { partNumber: number; etag: string }[] },
  ): Promise<{ kind: "completed" } | { kind: "gone" }> {
    try {
      await this.#resumed(run, upload).complete(parts);
      return { kind: "completed" };
    } catch (error) {
      if (isR2Error(error, NO_SUCH_UPLOAD)) return { kind: "gone" };
      throw error;
    }
  }

  async abortUpload(run: RunAddress, upload: Upload): Promise<void> {
    try {
      await this.#resumed(run, upload).abort();
    } catch (error) {
      if (!isNoSuchUpload(error)) throw error;
    }
  }

  async logBytes(run: RunAddress): Promise<number | null> {
    const object = await this.#bucket.head(wholeLogKey(run));
    return object?.size ?? null;
  }

  async hashLog(run: RunAddress, take: (bytes: Uint8Array) => Promise<void>): Promise<string> {
    const object = await this.#bucket.get(wholeLogKey(run));
    if (object === null) throw new Error(`${wholeLogKey(run)} is gone right after it was written`);
    const digest = new crypto.DigestStream("SHA-256");
    const writer = digest.getWriter();
    for await (const bytes of object.body) {
      await writer.write(bytes);
      await take(bytes);
    }
    await writer.close();
    return bytesToHex(new Uint8Array(await digest.digest));
  }

  async putBeside(run: RunAddress, file: "index" | "timeline", bytes: Uint8Array): Promise<void> {
    if (file === "timeline") await this.#bucket.put(timelineKey(run), bytes, NDJSON);
    else await this.#bucket.put(indexKey(run), bytes, { httpMetadata: { contentType: "application/octet-stream" } });
  }

  async putManifest(run: RunAddress, manifest: string): Promise<void> {
    await this.#bucket.put(manifestKey(run), manifest, { httpMetadata: { contentType: "application/json" } });
  }

  async readManifest(run: RunAddress): Promise<Manifest | null> {
    const object = await this.#bucket.get(manifestKey(run));
    return object === null ? null : manifestOf(run, await object.text());
  }

  async deleteSegments(run: RunAddress, segments: readonly SegmentKey[]): Promise<void> {
    const keys = segments.map((segment) => segmentKey(run, segment));
    for (let at = 0; at < keys.length; at += KEYS_A_DELETE)
      await this.#bucket.delete(keys.slice(at, at + KEYS_A_DELETE));
  }

  async deleteLog(run: RunAddress): Promise<void> {
    await this.#bucket.delete(wholeLogKey(run));
  }

  #resumed(run: RunAddress, { file, uploadId }: Upload): R2MultipartUpload {
    return this.#bucket.resumeMultipartUpload(keyOf(run, file), uploadId);
  }

  async #segmentBytes(run: RunAddress, segment: SegmentKey): Promise<Uint8Array | null> {
    const object = await this.#bucket.get(segmentKey(run, segment));
    return object === null ? null : new Uint8Array(await object.arrayBuffer());
  }
}

const keyOf = (run: RunAddress, file: UploadedFile): string => (file === "log" ? wholeLogKey(run) : timelineKey(run));

async function hashed(lines: string): Promise<{ bytes: Uint8Array; sha256: string }> {
  const bytes = new TextEncoder().encode(lines);
  return { bytes, sha256: bytesToHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))) };
}
