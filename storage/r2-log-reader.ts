import { manifestSchema, type Manifest } from "../core/run/manifest.ts";
import type { LogWindow, RunAddress, SegmentKey } from "../core/ports.ts";
import { manifestKey, segmentKey, wholeLogKey } from "./log-keys.ts";

/** About so much of the whole log is held at a time. */
const WINDOW_CHARS = 256 * 1024;

/** Reads a run's log from R2, a piece at a time, for readers outside its object. */
export class R2LogReader {
  readonly #bucket: R2Bucket;
  readonly #run: RunAddress;

  constructor(bucket: R2Bucket, run: RunAddress) {
    this.#bucket = bucket;
    this.#run = run;
  }

  async readSegment(segment: SegmentKey): Promise<string | null> {
    const object = await this.#bucket.get(segmentKey(this.#run, segment));
    return object === null ? null : object.text();
  }

  /** What R2 knows of the archived log; null when the run is not archived. */
  head(): Promise<R2Object | null> {
    return this.#bucket.head(wholeLogKey(this.#run));
  }

  /** A part of the archived log's bytes as they are. */
  async plain(range: { offset: number; length: number }): Promise<ReadableStream | null> {
    const object = await this.#bucket.get(wholeLogKey(this.#run), { range });
    return object?.body ?? null;
  }

  async manifest(): Promise<Manifest | null> {
    const object = await this.#bucket.get(manifestKey(this.#run));
    return object === null ? null : manifestSchema.parse(await object.json());
  }

  async wholeLog(afterSequence: number): Promise<AsyncIterable<LogWindow> | null> {
    const start = afterSequence === 0 ? { offset: 0, firstSequence: 1 } : await this.#startOf(afterSequence + 1);
    if (start === "beyond") return (await this.head()) === null ? null : nothing();
    const object = await this.#bucket.get(wholeLogKey(this.#run), { range: { offset: start.offset } });
    return object === null ? null : bodyWindows(object.body, start.firstSequence);
  }

  /** Where the segment that held `sequence` begins in the whole log: the manifest keeps every segment's size. */
  async #startOf(sequence: number): Promise<{ offset: number; firstSequence: number } | "beyond"> {
    const manifest = await this.manifest();
    // Not written yet, although the log is: read from the start, the reader skips what it has.
    if (manifest === null) return { offset: 0, firstSequence: 1 };
    let offset = 0;
    for (const segment of manifest.segments) {
      if (segment.last_sequence >= sequence) return { offset, firstSequence: segment.first_sequence };
      offset += segment.bytes;
    }
    return "beyond";
  }
}

async function* nothing(): AsyncGenerator<LogWindow> {}

/** Cuts a body into windows of whole lines. */
async function* bodyWindows(body: ReadableStream<Uint8Array>, firstSequence: number): AsyncGenerator<LogWindow> {
  let sequence = firstSequence;
  let held = "";
  const takeLines = (text: string): LogWindow | null => {
    const end = text.lastIndexOf("\n") + 1;
    held = text.slice(end);
    if (end === 0) return null;
    const lines = text.slice(0, end);
    const first = sequence;
    for (let at = lines.indexOf("\n"); at !== -1; at = lines.indexOf("\n", at + 1)) sequence += 1;
    return { firstSequence: first, lastSequence: sequence - 1, lines };
  };
  const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  for await (const chunk of body) {
    held += decoder.decode(chunk, { stream: true });
    if (held.length < WINDOW_CHARS) continue;
    const window = takeLines(held);
    if (window !== null) yield window;
  }
  held += decoder.decode();
  if (held !== "") {
    const window = takeLines(held.endsWith("\n") ? held : `${held}\n`);
    if (window !== null) yield window;
  }
}
