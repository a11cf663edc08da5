import type { Archive, RunAddress } from "../ports.ts";
import { GatheredLog } from "./gathered-log.ts";

/**
 * Puts the timeline as it is made: in one piece, or in parts, of which one is held. `begun` is told the upload's id before anything goes up, so that it can be ended by who
 * comes after a kill.
 */
export class TimelineWriter {
  readonly #archive: Archive;
  readonly #run: RunAddress;
  readonly #partBytes: number;
  readonly #begun: (uploadId: string) => void;
  readonly #gathered = new GatheredLog();
  #uploadId: string | null = null;
  #uploadedTo = 0;
  readonly #parts: { partNumber: number; etag: string }[] = [];

  constructor(archive: Archive, run: RunAddress, partBytes: number, begun: (uploadId: string) => void) {
    this.#archive = archive;
    this.#run = run;
    this.#partBytes = partBytes;
    this.#begun = begun;
  }

  async add(bytes: Uint8Array): Promise<void> {
    this.#gathered.add(this.#gathered.range().to, [bytes]);
    while (this.#gathered.range().to - this.#uploadedTo >= this.#partBytes)
      await this.#upload(this.#uploadedTo + this.#partBytes);
  }

  async finish(): Promise<void> {
    const { to } = this.#gathered.range();
    if (this.#uploadId === null)
      return this.#archive.putBeside(this.#run, "timeline", this.#gathered.take({ from: 0, to }));
    if (to > this.#uploadedTo) await this.#upload(to);
    const upload = { file: "timeline", uploadId: this.#uploadId, parts: this.#parts } as const;
    const completed = await this.#archive.completeUpload(this.#run, upload);
    if (completed.kind === "gone") throw new Error("the timeline's upload is gone: it is made again");
  }

  /** What was written is of no use. */
  async abort(): Promise<void> {
    if (this.#uploadId !== null)
      await this.#archive.abortUpload(this.#run, { file: "timeline", uploadId: this.#uploadId });
  }

  async #upload(to: number): Promise<void> {
    if (this.#uploadId === null) {
      this.#uploadId = await this.#archive.startUpload(this.#run, "timeline");
      this.#begun(this.#uploadId);
    }
    const partNumber = this.#parts.length + 1;
    const upload = { file: "timeline", uploadId: this.#uploadId, partNumber } as const;
    const part = await this.#archive.uploadPart(this.#run, upload, this.#gathered.take({ from: this.#uploadedTo, to }));
    if (part.kind === "gone") throw new Error("the timeline's upload is gone: it is made again");
    this.#parts.push({ partNumber, etag: part.etag });
    this.#uploadedTo = to;
    this.#gathered.dropThrough(to);
  }
}
