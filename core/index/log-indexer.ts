import type { AheadLines } from "../run/receipts.ts";
import type { Sha256 } from "../run/manifest.ts";
import { CONSOLE_LINE, isText, lineHead, METRIC_RECORDED, type LineHead } from "./line-head.ts";
import { LineTimes } from "./line-times.ts";
import { BLOCK_BYTES, encodeIndex, type LogBlock, type TimelineBlock } from "./log-index.ts";

const NEWLINE = 0x0a;

type IndexerPorts = {
  sha256: Sha256;
  /** Takes the next bytes of the timeline. */
  timeline: (bytes: Uint8Array) => Promise<void>;
};

/**
 * Makes the index and the timeline of a whole log from its bytes as they pass by: one line and one block of the timeline are held, and 32 bytes for each
 * block that was. A pure function of the bytes and of `ahead`: made again it is the same. [IND1]
 */
export class LogIndexer {
  readonly #ports: IndexerPorts;
  readonly #ahead: readonly AheadLines[];
  readonly #times: LineTimes;
  readonly #blocks: LogBlock[] = [];
  readonly #timeline: TimelineBlock[] = [];
  /** The beginning of a line whose end has not come yet. */
  #begun: Uint8Array[] = [];
  #begunBytes = 0;
  /** Where the next line begins. */
  #offset = 0;
  #lastSequence = 0;
  #timelineOffset = 0;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #gatheredFrom = 0;

  constructor(ahead: readonly AheadLines[], ports: IndexerPorts) {
    this.#ahead = ahead;
    this.#times = new LineTimes(ahead);
    this.#ports = ports;
  }

  /** The next bytes of the log, cut anywhere. */
  async add(bytes: Uint8Array): Promise<void> {
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, from)) {
      const to = end + 1;
      const full = this.#begun.length === 0 ? this.#line(bytes, from, to) : this.#joined(bytes.subarray(from, to));
      if (full) await this.#closeTimelineBlock();
      from = to;
    }
    if (from === bytes.length) return;
    this.#begun.push(bytes.slice(from));
    this.#begunBytes += bytes.length - from;
  }

  /** The index, when all of the log has passed by. */
  async finish(): Promise<Uint8Array> {
    // What has no newline is a line all the same.
    if (this.#begun.length > 0) this.#joined(new Uint8Array());
    await this.#closeTimelineBlock();
    const facts = {
      logBytes: this.#offset,
      lastSequence: this.#lastSequence,
      blocks: this.#blocks,
      timelineBytes: this.#timelineOffset,
      timeline: this.#timeline,
      ahead: this.#ahead,
    };
    return encodeIndex(facts, this.#ports.sha256);
  }

  #joined(end: Uint8Array): boolean {
    const line = new Uint8Array(this.#begunBytes + end.length);
    let at = 0;
    for (const piece of [...this.#begun, end]) {
      line.set(piece, at);
      at += piece.length;
    }
    this.#begun = [];
    this.#begunBytes = 0;
    return this.#line(line, 0, line.length);
  }

  /** True when a block of the timeline is full. */
  #line(bytes: Uint8Array, from: number, to: number): boolean {
    const head = lineHead(bytes, from);
    const offset = this.#offset;
    this.#offset += to - from;
    // Nothing that can be found by its sequence: it belongs to the lines before it.
    if (head === null || head.end > to) return false;
    this.#lastSequence = head.sequence;
    const isMetric = isText(bytes, head.typeFrom, head.typeTo, METRIC_RECORDED);
    this.#times.read(head.sequence, bytes, head.timeFrom);
    const block = this.#blockFor(offset, head);
    if (isMetric) block.metrics += 1;
    if (isMetric || isText(bytes, head.typeFrom, head.typeTo, CONSOLE_LINE)) return false;
    if (this.#gatheredBytes === 0) this.#gatheredFrom = head.sequence;
    // A copy: of the piece that it came in nothing is to be held.
    this.#gathered.push(bytes.slice(from, to));
    this.#gatheredBytes += to - from;
    return this.#gatheredBytes >= BLOCK_BYTES;
  }

  #blockFor(offset: number, { sequence }: LineHead): LogBlock {
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#offset - last.offset <= BLOCK_BYTES) return last;
    // What stands before the first line that can be found is read with it.
    const from = last === undefined ? 0 : offset;
    const block = { firstSequence: sequence, offset: from, at: this.#times.now(), metrics: 0 };
    this.#blocks.push(block);
    return block;
  }

  async #closeTimelineBlock(): Promise<void> {
    if (this.#gatheredBytes === 0) return;
    const bytes = new Uint8Array(this.#gatheredBytes);
    let at = 0;
    for (const line of this.#gathered) {
      bytes.set(line, at);
      at += line.length;
    }
    const firstSequence = this.#gatheredFrom;
    this.#timeline.push({ firstSequence, offset: this.#timelineOffset, hash: await this.#ports.sha256(bytes) });
    this.#timelineOffset += bytes.length;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await this.#ports.timeline(bytes);
  }
}
