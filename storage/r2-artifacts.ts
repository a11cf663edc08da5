import type { RunAddress } from "../core/ports.ts";
import { artifactPath } from "../core/run/artifacts.ts";
import { isNoSuchUpload } from "./r2-errors.ts";

/** R2 wants parts of at least 5 MiB, all equal but the last; one is all that an upload holds in memory. */
export const ARTIFACT_PART_BYTES = 5 * 1024 * 1024;

/**
 * The files of one run in R2. Every upload comes in parts, however small: such an upload can be aborted by whoever knows its id, and once it is, nothing
 * can make an object of it. A plain put that is still on its way could land after the run was deleted. [DEL2]
 */
export class R2Artifacts {
  readonly #bucket: R2Bucket;
  readonly #run: RunAddress;

  constructor(bucket: R2Bucket, run: RunAddress) {
    this.#bucket = bucket;
    this.#run = run;
  }

  /** Whether an object of that name is there, whole. */
  async has(name: string): Promise<boolean> {
    return (await this.#bucket.head(artifactPath(this.#run, name))) !== null;
  }

  /** Bytes of it, or null when it is not there. */
  async read(name: string, range: { offset: number; length: number } | null): Promise<ReadableStream | null> {
    const key = artifactPath(this.#run, name);
    const object = await this.#bucket.get(key, range === null ? {} : { range });
    return object === null ? null : object.body;
  }

  async startUpload(name: string, mediaType: string): Promise<string> {
    const options = { httpMetadata: { contentType: mediaType } };
    return (await this.#bucket.createMultipartUpload(artifactPath(this.#run, name), options)).uploadId;
  }

  uploadPart(name: string, uploadId: string, partNumber: number, bytes: Uint8Array): Promise<R2UploadedPart> {
    return this.#resume(name, uploadId).uploadPart(partNumber, bytes);
  }

  /** Makes an object of the parts, all at once. `gone` when somebody aborted the upload. */
  async completeUpload(name: string, uploadId: string, parts: R2UploadedPart[]): Promise<"completed" | "gone"> {
    try {
      await this.#resume(name, uploadId).complete(parts);
      return "completed";
    } catch (error) {
      if (isNoSuchUpload(error)) return "gone";
      throw error;
    }
  }

  /** After this the upload never becomes an object, if it has not become one before. May be repeated. */
  async abortUpload(name: string, uploadId: string): Promise<void> {
    try {
      await this.#resume(name, uploadId).abort();
    } catch (error) {
      if (!isNoSuchUpload(error)) throw error;
    }
  }

  #resume(name: string, uploadId: string): R2MultipartUpload {
    return this.#bucket.resumeMultipartUpload(artifactPath(this.#run, name), uploadId);
  }
}
