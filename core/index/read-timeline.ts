import { matchesTypes } from "../../protocol/type-filter.ts";
import type { LogWindow } from "../ports.ts";
import { clip, windowLines } from "../reading/read-log.ts";
import { MOST_READ_BYTES, type LogIndex } from "./log-index.ts";

/** Can the timeline answer for these types? It has every event but these two. [TML1] */
export const isOfTimeline = (types: readonly string[]): boolean =>
  !matchesTypes(types, "console.line") && !matchesTypes(types, "metric.recorded");

type TimelinePlaces = {
  /** Bytes of the timeline; null when it is not there. */
  bytes(from: number, to: number): Promise<Uint8Array | null>;
  sha256(bytes: Uint8Array): Promise<Uint8Array>;
  /** The lines after a sequence from the log itself. */
  log(afterSequence: number): AsyncIterable<LogWindow>;
};

const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/**
 * The lines of the timeline after a sequence. What of it is not as it was written, or gone, is read from the log instead: slower, and right. The windows
 * reach over all sequences of the log. [TML2]
 */
export async function* readTimeline(
  index: LogIndex,
  afterSequence: number,
  places: TimelinePlaces,
): AsyncGenerator<LogWindow, void> {
  let position = afterSequence;
  for (
    let block = index.timelineBlockOf(afterSequence + 1);
    block < index.timelineBlocks && position < index.lastSequence;
  ) {
    const from = index.timelineBlock(block).offset;
    let end = block;
    while (end + 1 < index.timelineBlocks && index.timelineEndOf(end + 1) - from <= MOST_READ_BYTES) end += 1;
    const read = await places.bytes(from, index.timelineEndOf(end));
    if (read === null) break;
    for (; block <= end; block += 1) {
      const { offset, firstSequence, hash } = index.timelineBlock(block);
      const bytes = read.subarray(offset - from, index.timelineEndOf(block) - from);
      const lastSequence = lastOf(index, block);
      const digest = await places.sha256(bytes);
      if (hash.every((byte, at) => digest[at] === byte)) {
        const window = { firstSequence, lastSequence, lines: decoder.decode(bytes), isSparse: true as const };
        const news = clip(window, position);
        if (news !== null) yield news;
      } else yield* through(lastSequence, places.log(position));
      position = Math.max(position, lastSequence);
    }
  }
  if (position < index.lastSequence) yield* places.log(position);
}

/** Of windows only the lines through this one. */
async function* through(lastSequence: number, windows: AsyncIterable<LogWindow>): AsyncGenerator<LogWindow, void> {
  for await (const window of windows) {
    if (window.lastSequence <= lastSequence) yield window;
    else {
      let lines = "";
      for (const { sequence, line } of windowLines(window)) if (sequence <= lastSequence) lines += `${line}\n`;
      yield { ...window, lastSequence, lines };
    }
    if (window.lastSequence >= lastSequence) return;
  }
}

const lastOf = (index: LogIndex, block: number): number =>
  block + 1 < index.timelineBlocks ? index.timelineBlock(block + 1).firstSequence - 1 : index.lastSequence;
