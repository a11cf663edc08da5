import type { LogIndex } from "./log-index.ts";

/** Lines `afterSequence + 1 .. through` of the log, in some of whose blocks there are metrics. */
export type Stretch = { afterSequence: number; through: number; isShort: boolean };

/** Blocks without metrics between two with some that are read all the same: to ask again costs more. */
const NEAR_BLOCKS = 8;
/** 4 MiB: read piece by piece; a longer one runs through. */
const SHORT_BLOCKS = 16;

/** Where in the log after a sequence metrics can be. [MET3] */
export function metricStretches(index: LogIndex, afterSequence: number): Stretch[] {
  const runs: { first: number; last: number }[] = [];
  for (let block = index.blockOf(afterSequence + 1); block < index.blocks; block += 1) {
    if (index.block(block).metrics === 0) continue;
    const run = runs.at(-1);
    if (run !== undefined && block - run.last <= NEAR_BLOCKS) run.last = block;
    else runs.push({ first: block, last: block });
  }
  return runs.map(({ first, last }) => ({
    afterSequence: index.block(first).firstSequence - 1,
    through: index.lastSequenceOf(last),
    isShort: last - first < SHORT_BLOCKS,
  }));
}
