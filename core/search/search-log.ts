import { LIMITS } from "../../protocol/limits.ts";
import type { LogWindow } from "../ports.ts";
import { windowLines } from "../reading/read-log.ts";
import { TextScan, type LogSearch, type SearchFind } from "./text-scan.ts";

/** What a search needs of the world. */
export type SearchPace = {
  now(): number;
  /** Lets others have their turn. */
  rest(): Promise<void>;
  /** Nobody waits for the answer any more. */
  isLeft(): boolean;
};

export type SearchStep =
  | SearchFind
  | { kind: "progress"; scannedTo: number; hits: number }
  | { kind: "end"; scannedTo: number; hits: number; isComplete: boolean };

/** Progress is told this often: a reader knows that nothing hangs. */
const PROGRESS_MS = 250;
/** Others have their turn after so many steps of the matcher, which take a second at worst. */
const STEPS_AT_ONCE = 30_000_000;

/**
 * Every line of the text of these windows that has what is looked for, in order: those that `grep` finds in the text export. It ends with the log, or when
 * it has found or taken as much as one answer may, and tells the position to go on after. [SRCH3]
 */
export async function* searchLog(
  windows: AsyncIterable<LogWindow>,
  search: LogSearch,
  pace: SearchPace,
): AsyncGenerator<SearchStep, void> {
  const scan = new TextScan(search);
  const beganAt = pace.now();
  let toldAt = beganAt;
  let restedAt = 0;
  for await (const window of windows) {
    for (const { sequence, line } of windowLines(window)) {
      yield* scan.add(sequence, line);
      if (scan.isFull) return yield* endOf(scan, false);
      if (scan.steps - restedAt < STEPS_AT_ONCE) continue;
      restedAt = scan.steps;
      await pace.rest();
      if (pace.isLeft()) return;
      if (isOver()) return yield* endOf(scan, false);
    }
    if (pace.isLeft()) return;
    if (isOver()) return yield* endOf(scan, false);
    if (pace.now() - toldAt < PROGRESS_MS) continue;
    toldAt = pace.now();
    const { scannedTo, hits } = scan;
    yield { kind: "progress", scannedTo, hits };
    await pace.rest();
  }
  yield* endOf(scan, true);

  /** Never before it has come a line further than it began: who goes on comes to the end. */
  function isOver(): boolean {
    return pace.now() - beganAt >= LIMITS.searchMs && scan.scannedTo > search.afterSequence;
  }
}

function* endOf(scan: TextScan, isComplete: boolean): Generator<SearchStep, void> {
  yield* scan.damage();
  const { scannedTo } = scan;
  if (isComplete) yield* scan.openLine();
  yield { kind: "end", scannedTo, hits: scan.hits, isComplete };
}
