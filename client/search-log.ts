import type { LogLevel } from "../protocol/event.ts";
import { searchLineSchema, type SearchLine } from "../protocol/search.ts";
import { NO_PROBLEM, problemOf, unreachable, type RunProblem } from "./run-problem.ts";

export type SearchLogOptions = {
  /** The server, as in `http://127.0.0.1:8787`; in a page `location.origin`. */
  url: string;
  runId: string;
  /** What to look for in each line of the text that one sees, without its colours. */
  query: string;
  isExpression: boolean;
  isCaseSensitive: boolean;
  /** Only lines at least this severe. */
  level: LogLevel;
  afterSequence: number;
  signal: AbortSignal;
  /** What has been found, as it is found; the last of them says how the search ended. */
  onFound: (lines: SearchLine[]) => void;
};

/** One answer of the server's search, read while it is made. Null when it came to its end; else why not. */
export async function searchLog(options: SearchLogOptions): Promise<RunProblem | null> {
  const { url, runId, query, isExpression, isCaseSensitive, level, afterSequence, signal, onFound } = options;
  const address = new URL(`/api/runs/${encodeURIComponent(runId)}/search`, url);
  address.search = new URLSearchParams({
    q: query,
    regex: String(isExpression),
    case: String(isCaseSensitive),
    level,
    after_sequence: String(afterSequence),
    ansi: "strip",
  }).toString();
  try {
    const response = await fetch(address, { signal, headers: { accept: "application/x-ndjson" } });
    if (!response.ok || response.body === null)
      return problemOf(response, await response.json().catch(() => undefined));
    return await readLines(response.body, onFound);
  } catch (cause) {
    return unreachable(cause);
  }
}

async function readLines(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onFound: (lines: SearchLine[]) => void,
): Promise<RunProblem | null> {
  let rest = "";
  let hasEnded = false;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const texts = (rest + next.value).split("\n");
    rest = texts.pop() ?? "";
    const lines = texts.map((text) => searchLineSchema.parse(JSON.parse(text)));
    hasEnded ||= lines.some((line) => "op" in line && line.op === "end");
    if (lines.length > 0) onFound(lines);
  }
  return hasEnded
    ? null
    : { ...NO_PROBLEM, code: "UNREACHABLE", status: null, detail: "the answer broke off", retry: true };
}
