import type { Context } from "hono";
import type { LogWindow } from "../../core/ports.ts";
import { isDamageMark } from "../../core/reading/damage.ts";
import { fromTime } from "../../core/reading/log-time.ts";
import { windowLines } from "../../core/reading/read-log.ts";
import { endData } from "../../core/run/greetings.ts";
import { isTerminal } from "../../protocol/event.ts";
import { lineType, matchesTypes } from "../../protocol/type-filter.ts";
import type { R2LogReader } from "../../storage/r2-log-reader.ts";
import type { App } from "../app-context.ts";
import { problem } from "../problem.ts";
import { parseByteRange } from "./byte-range.ts";
import { DamageList } from "./damage-list.ts";
import { bare, envelope, type Dress, type EventIdentity } from "./envelope.ts";
import { isKnownAlready } from "./if-none-match.ts";
import { ndjsonForm, sseForm, textForm, type LineForm } from "./event-forms.ts";
import { SessionOver } from "./live-windows.ts";
import type { ReadOptions } from "./read-options.ts";
import type { ReadHow, RunLog } from "./run-log.ts";
import { pulledStream } from "./pulled-stream.ts";
import { tailStart } from "./tail-start.ts";

const NO_STORE = "no-store";

/** An archived log asked for whole goes out as R2 has it: byte ranges, ETag, no look at the lines. Null when that is not what is asked for, or not there. */
export async function answerPlainLog(
  c: Context<App>,
  reader: R2LogReader,
  runId: string,
  options: ReadOptions,
): Promise<Response | null> {
  const { afterSequence, at, isEnveloped, limit, types, tail } = options;
  const isWhole = afterSequence === 0 && at === null && limit === null && types === null && tail === null;
  if (options.form !== "ndjson" || !isWhole || isEnveloped) return null;
  const log = await reader.head();
  if (log === null) return null;
  const headers: Record<string, string> = {
    ...fileHeaders(options, runId),
    etag: log.httpEtag,
    "accept-ranges": "bytes",
  };
  if (isKnownAlready(c.req.header("if-none-match"), log.httpEtag)) return new Response(null, { status: 304, headers });
  // A range of another version is no part of this one: If-Range falls back to the whole.
  const ifRange = c.req.header("if-range");
  const isSameVersion = ifRange === undefined || ifRange === log.httpEtag;
  const range = parseByteRange(isSameVersion ? c.req.header("range") : undefined, log.size);
  if (range === "outside") {
    const refusal = { code: "RANGE_NOT_SATISFIABLE", detail: `the log has ${log.size} bytes` } as const;
    return problem(c, refusal, { "content-range": `bytes */${log.size}` });
  }
  const wanted = range === "whole" ? { offset: 0, length: log.size } : range;
  const body = await reader.plain(wanted);
  if (body === null) return null;
  headers["content-length"] = String(wanted.length);
  if (range === "whole") return new Response(body, { headers });
  headers["content-range"] = `bytes ${range.offset}-${range.offset + range.length - 1}/${log.size}`;
  return new Response(body, { status: 206, headers });
}

/** Any other form: read line by line, a window at a time, at the reader's pace. */
export async function answerEvents(log: RunLog, run: EventIdentity, options: ReadOptions): Promise<Response> {
  const dress = options.isEnveloped ? envelope(run) : bare;
  if (options.form === "json") return answerPage(log, options, dress);
  const start = options.tail === null ? options.afterSequence : await tailStart(log, options.tail, options.types);
  if (options.form === "sse" && options.isReconnect) {
    const head = await log.head();
    if (isTerminal(head.status) && start >= head.lastSequence) return new Response(null, { status: 204 });
  }
  const left = new AbortController();
  const { follow, at } = options;
  const how = { ...howOf(options), follow, left: left.signal, asStored: options.form === "ndjson" };
  const windows = at === null ? log.windows(start, how) : (await sinceTime(log, at, how)).windows;
  const { first, rest } = log.isEnded ? await begun(windows) : { first: null, rest: windows };
  const pieces = whileSignedIn(formed(log, rest, options, dress));
  const known = options.form === "text" ? DamageList.of(first).header() : {};
  return new Response(pulledStream(pieces, left, options.form === "sse" ? ": still here\n\n" : null), {
    headers: { ...fileHeaders(options, run.run_id), ...known },
  });
}

/** What is wanted of the lines. [WIN1] [TML1] */
function howOf({ at, limit, types }: ReadOptions): ReadHow {
  // Every line has to be seen to know the time of the next.
  return { types: at === null ? types : null, piecewise: limit !== null };
}

async function sinceTime(
  log: RunLog,
  at: string,
  how: ReadHow,
  skipped: (throughSequence: number) => void = () => {},
): Promise<{ start: number; windows: AsyncGenerator<LogWindow, void> }> {
  const { afterSequence: start, ahead } = await log.startOf(at);
  const now = () => new Date().toISOString();
  return { start, windows: fromTime(log.windows(start, how), at, { ahead, now, skipped }) };
}

/** Asks for the first lines before the answer's head is sent: a log that is missing is then refused, and not a body that breaks off. */
async function begun(
  windows: AsyncGenerator<LogWindow, void>,
): Promise<{ first: LogWindow | null; rest: AsyncGenerator<LogWindow, void> }> {
  const first = await windows.next();
  if (first.done === true) return { first: null, rest: windows };
  const rest = (async function* () {
    try {
      yield first.value;
      yield* windows;
    } finally {
      // Nobody may come to read the second one.
      await windows.return();
    }
  })();
  return { first: first.value, rest };
}

/** A stream whose session is over ends without `end`: who asks again is told why. [SES1] */
async function* whileSignedIn(pieces: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    yield* pieces;
  } catch (error) {
    if (!(error instanceof SessionOver)) throw error;
  }
}

async function* formed(
  log: RunLog,
  windows: AsyncGenerator<LogWindow, void>,
  options: ReadOptions,
  dress: Dress,
): AsyncGenerator<string> {
  const form = formOf(options);
  const isBare = dress === bare && options.types === null && options.limit === null;
  let remaining = options.limit ?? Number.POSITIVE_INFINITY;
  const damage = new DamageList();
  const told = (): string => damage.takeAll().reduce((text, [from, to]) => text + form.damage(from, to), "");
  if (options.form === "sse") yield "retry: 1000\n\n";
  for await (const window of windows) {
    // Nothing to choose and nothing to change: the window is the answer.
    if (options.form === "ndjson" && isBare) {
      yield window.lines;
      continue;
    }
    let text = "";
    for (const { sequence, line } of windowLines(window)) {
      if (isDamageMark(line)) {
        damage.add(sequence);
        continue;
      }
      text += told();
      if (options.types !== null && !matchesTypes(options.types, lineType(line))) continue;
      text += form.line(sequence, dress(sequence, line));
      remaining -= 1;
      if (remaining > 0) continue;
      log.endAt(sequence);
      break;
    }
    if (text !== "") yield text;
    if (remaining === 0) return;
  }
  const last = told();
  if (last !== "") yield last;
  if (options.form !== "sse") return;
  const { status, lastSequence } = await log.head();
  if (!isTerminal(status)) throw new Error(`a log was read to its end although the run is ${status}`);
  const ending = endData({ status, lastSequence, sha256: await log.sha256() });
  yield `event: end\ndata: ${JSON.stringify(ending)}\n\n`;
}

function formOf(options: ReadOptions): LineForm {
  if (options.form === "sse") return sseForm;
  return options.form === "text" ? textForm(options.text) : ndjsonForm;
}

async function answerPage(log: RunLog, options: ReadOptions, dress: Dress): Promise<Response> {
  const limit = options.limit ?? 1;
  const wanted = options.tail === null ? null : await tailStart(log, options.tail, options.types);
  const from = wanted ?? options.afterSequence;
  const items: string[] = [];
  const damage = new DamageList();
  let next = from;
  const how = { ...howOf(options), piecewise: true };
  const skipped = (throughSequence: number): void => void (next = throughSequence);
  const { start, windows } =
    options.at === null
      ? { start: from, windows: log.windows(from, how) }
      : await sinceTime(log, options.at, how, skipped);
  next = start;
  page: for await (const window of windows) {
    for (const { sequence, line } of windowLines(window)) {
      next = sequence;
      if (isDamageMark(line)) {
        damage.add(sequence);
        continue;
      }
      if (options.types !== null && !matchesTypes(options.types, lineType(line))) continue;
      items.push(dress(sequence, line));
      if (items.length < limit) continue;
      log.endAt(sequence);
      break page;
    }
    // A window of the timeline reaches further than its last line.
    next = window.lastSequence;
  }
  // The lines are the items: written as they are, so that numbers keep their digits.
  return new Response(`{"items":[${items.join(",")}],"next_after_sequence":${next}}`, {
    headers: {
      "content-type": "application/json",
      "cache-control": NO_STORE,
      ...damage.header(),
    },
  });
}

function fileHeaders(options: ReadOptions, runId: string): Record<string, string> {
  const types = {
    ndjson: "application/x-ndjson",
    sse: "text/event-stream",
    text: "text/plain; charset=utf-8",
    json: "application/json",
  };
  const extension = options.form === "text" ? "txt" : "ndjson";
  return {
    "content-type": types[options.form],
    "cache-control": NO_STORE,
    ...(options.download ? { "content-disposition": `attachment; filename="${runId}.${extension}"` } : {}),
  };
}
