import type { Context } from "hono";
import type { StoredRun } from "../../core/ports.ts";
import { searchLog, type SearchStep } from "../../core/search/search-log.ts";
import type { LogSearch } from "../../core/search/text-scan.ts";
import type { SearchLine } from "../../protocol/search.ts";
import type { App } from "../app-context.ts";
import { logOf, readerOf, orMissing } from "./answer-run.ts";
import type { RunLog } from "./run-log.ts";
import { pulledStream } from "./pulled-stream.ts";

/** Pieces of the archive that are on their way while one is searched. */
const READ_AHEAD = 4;

/** What is found in a run's log, in the order of its lines and at the pace of the reader. */
export async function answerSearch(c: Context<App>, run: StoredRun, search: LogSearch): Promise<Response> {
  const left = new AbortController();
  const log = logOf(c, run, readerOf(c, run, READ_AHEAD), READ_AHEAD);
  const steps = searchLog(log.windows(search.afterSequence, { left: left.signal }), search, {
    now: () => Date.now(),
    rest: () => new Promise((resolve) => setTimeout(resolve, 0)),
    isLeft: () => left.signal.aborted,
  });
  return orMissing(c, async () => {
    // Before the answer's head is sent: a log that is missing is refused, and not an answer that breaks off.
    const first = await steps.next();
    const headers = { "content-type": "application/x-ndjson", "cache-control": "no-store" };
    return new Response(pulledStream(linesOf(first, steps, log), left), { headers });
  });
}

async function* linesOf(
  first: IteratorResult<SearchStep, void>,
  steps: AsyncGenerator<SearchStep, void>,
  log: RunLog,
): AsyncGenerator<string> {
  try {
    for (let next = first; next.done !== true; next = await steps.next()) {
      const step = next.value;
      // What is damaged behind it is left out of the next answer. [READ4]
      if (step.kind === "end" && !step.isComplete) log.endAt(step.scannedTo);
      yield `${JSON.stringify(toLine(step))}\n`;
    }
  } finally {
    // Nobody may come to read the second one.
    await steps.return();
  }
}

function toLine(step: SearchStep): SearchLine {
  switch (step.kind) {
    case "hit": {
      const { sequence, ranges, hasMore } = step;
      return { sequence, ranges, ...(hasMore ? { more: true as const } : {}) };
    }
    case "damaged":
      return { op: "damaged", first: step.first, last: step.last };
    case "progress":
      return { op: "progress", scanned_to: step.scannedTo, hits: step.hits };
    case "end":
      return { op: "end", scanned_to: step.scannedTo, hits: step.hits, complete: step.isComplete };
  }
}
