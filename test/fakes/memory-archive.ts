import { createHash } from "node:crypto";
import type { Manifest } from "../../protocol/proof/manifest.ts";
import type { Archive, RunAddress, SegmentKey, StoredSegment, Upload, UploadedFile } from "../../core/ports.ts";
import { indexKey, manifestKey, segmentKey, timelineKey, wholeLogKey } from "../../storage/log-keys.ts";
import { manifestOf } from "../../storage/stored-manifest.ts";

export type ArchiveCall = keyof Archive;
type OpenUpload = { key: string; parts: Map<number, { etag: string; bytes: Buffer }> };
type PartList = { partNumber: number; etag: string }[];

/** R2's limit for every part but the last. */
const LEAST_PART_BYTES = 5 * 1024 * 1024;

/** A body comes in pieces that end anywhere. */
const READ_BYTES = 100_003;

const hashOf = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** A bucket in memory, with R2's rules: create-once puts, equal parts, an upload that is gone once it is complete. */
export class MemoryArchive implements Archive {
  readonly objects = new Map<string, Buffer>();
  readonly #uploads = new Map<string, OpenUpload>();
  #started = 0;
  /** Called before each call takes effect, with the requests that R2 would count: throws to fail it, waits to hang it. */
  interrupt: (call: ArchiveCall, requests?: number) => Promise<void> | void = () => {};

  async putSegment(
    run: RunAddress,
    segment: SegmentKey,
    lines: string,
  ): Promise<StoredSegment | { kind: "occupied"; etag: string }> {
    await this.interrupt("putSegment");
    const key = segmentKey(run, segment);
    const bytes = Buffer.from(lines);
    const there = this.objects.get(key);
    if (there !== undefined && !there.equals(bytes)) return { kind: "occupied", etag: hashOf(there) };
    this.objects.set(key, bytes);
    return { kind: "stored", sha256: hashOf(bytes) };
  }

  async replaceSegment(
    run: RunAddress,
    segment: SegmentKey,
    lines: string,
    etag: string,
  ): Promise<StoredSegment | { kind: "changed" }> {
    await this.interrupt("replaceSegment");
    const key = segmentKey(run, segment);
    const there = this.objects.get(key);
    if (there === undefined || hashOf(there) !== etag) return { kind: "changed" };
    const bytes = Buffer.from(lines);
    this.objects.set(key, bytes);
    return { kind: "stored", sha256: hashOf(bytes) };
  }

  async readSegment(run: RunAddress, segment: SegmentKey): Promise<string | null> {
    await this.interrupt("readSegment");
    return this.objects.get(segmentKey(run, segment))?.toString() ?? null;
  }

  async readLog(run: RunAddress, from: number, to: number): Promise<string | null> {
    await this.interrupt("readLog");
    return this.objects.get(wholeLogKey(run))?.subarray(from, to).toString() ?? null;
  }

  async readSegments(run: RunAddress, segments: readonly SegmentKey[]): Promise<(Uint8Array | null)[]> {
    await this.interrupt("readSegments", segments.length);
    return segments.map((segment) => this.objects.get(segmentKey(run, segment)) ?? null);
  }

  async putLog(run: RunAddress, bytes: Uint8Array): Promise<void> {
    await this.interrupt("putLog");
    this.objects.set(wholeLogKey(run), Buffer.from(bytes));
  }

  async startUpload(run: RunAddress, file: UploadedFile): Promise<string> {
    await this.interrupt("startUpload");
    this.#started += 1;
    const uploadId = `upload-${this.#started}`;
    this.#uploads.set(uploadId, { key: file === "log" ? wholeLogKey(run) : timelineKey(run), parts: new Map() });
    return uploadId;
  }

  async uploadPart(
    _run: RunAddress,
    { uploadId, partNumber }: Upload & { partNumber: number },
    part: Uint8Array,
  ): Promise<{ kind: "uploaded"; etag: string } | { kind: "gone" }> {
    await this.interrupt("uploadPart");
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined) return { kind: "gone" };
    const bytes = Buffer.from(part);
    const etag = `${partNumber}-${hashOf(bytes)}`;
    upload.parts.set(partNumber, { etag, bytes });
    return { kind: "uploaded", etag };
  }

  async completeUpload(
    _run: RunAddress,
    { uploadId, parts }: Upload & { parts: PartList },
  ): Promise<{ kind: "completed" } | { kind: "gone" }> {
    await this.interrupt("completeUpload");
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined) return { kind: "gone" };
    const bodies = parts.map(({ partNumber, etag }) => {
      const part = upload.parts.get(partNumber);
      if (part?.etag !== etag) throw new Error("One or more of the specified parts could not be found. (10025)");
      return part.bytes;
    });
    const size = bodies[0]?.length ?? 0;
    const isLast = (at: number): boolean => at === bodies.length - 1;
    if (bodies.some((body, at) => (isLast(at) ? body.length > size : body.length !== size))) {
      throw new Error("All non-trailing parts must have the same length. (10048)");
    }
    if (bodies.some((body, at) => !isLast(at) && body.length < LEAST_PART_BYTES)) {
      throw new Error("Your proposed upload is smaller than the minimum allowed object size. (10011)");
    }
    this.objects.set(upload.key, Buffer.concat(bodies));
    this.#uploads.delete(uploadId);
    return { kind: "completed" };
  }

  async abortUpload(_run: RunAddress, { uploadId }: Upload): Promise<void> {
    await this.interrupt("abortUpload");
    this.#uploads.delete(uploadId);
  }

  /** Uploads that were begun and neither completed nor aborted. */
  uploadsOpen(): number {
    return this.#uploads.size;
  }

  async logBytes(run: RunAddress): Promise<number | null> {
    await this.interrupt("logBytes");
    return this.objects.get(wholeLogKey(run))?.length ?? null;
  }

  async hashLog(run: RunAddress, take: (bytes: Uint8Array) => Promise<void>): Promise<string> {
    await this.interrupt("hashLog");
    const bytes = this.objects.get(wholeLogKey(run));
    if (bytes === undefined) throw new Error(`${wholeLogKey(run)} is missing`);
    for (let at = 0; at < bytes.length; at += READ_BYTES) await take(bytes.subarray(at, at + READ_BYTES));
    return hashOf(bytes);
  }

  async putBeside(run: RunAddress, file: "index" | "timeline", bytes: Uint8Array): Promise<void> {
    await this.interrupt("putBeside");
    this.objects.set(file === "index" ? indexKey(run) : timelineKey(run), Buffer.from(bytes));
  }

  async putManifest(run: RunAddress, manifest: string): Promise<void> {
    await this.interrupt("putManifest");
    this.objects.set(manifestKey(run), Buffer.from(manifest));
  }

  async readManifest(run: RunAddress): Promise<Manifest | null> {
    await this.interrupt("readManifest");
    const stored = this.objects.get(manifestKey(run));
    return stored === undefined ? null : manifestOf(run, stored.toString());
  }

  async deleteSegments(run: RunAddress, segments: readonly SegmentKey[]): Promise<void> {
    await this.interrupt("deleteSegments");
    for (const segment of segments) this.objects.delete(segmentKey(run, segment));
  }

  async deleteLog(run: RunAddress): Promise<void> {
    await this.interrupt("deleteLog");
    this.objects.delete(wholeLogKey(run));
  }

  /** What R2 does after a week, or an operator at once. */
  forgetUploads(): void {
    this.#uploads.clear();
  }
}
