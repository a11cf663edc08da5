import type { Progress } from "./api.ts";
import type { Failure, RunEvent } from "./event.ts";
import { integerOr, numberOr, recordOrEmpty, textOr } from "./lenient.ts";
import { LIMITS } from "./limits.ts";
import { cutText } from "./ndjson.ts";
import { isTerminal, judgeStart, startedStatus, type RunStatus, type TerminalStatus } from "./run-status.ts";

/** What the run's state and its summary both say. Times are RFC 3339 UTC with milliseconds. */
export type Lifecycle = {
  status: RunStatus;
  /** Null only before the first line. */
  created_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  duration_ms: number | null;
  progress: Progress | null;
  exit_code: number | null;
  /** Of an ended run: why. Of an open one: its last `run.error`. */
  failure: Failure | null;
};

export function newLifecycle(): Lifecycle {
  return {
    status: "queued",
    created_at: null,
    started_at: null,
    completed_at: null,
    duration_ms: null,
    progress: null,
    exit_code: null,
    failure: null,
  };
}

/** Moves `state` by one event, in place; messages are cut at `stringChars`. Never throws; a move that is not legal moves nothing. */
export function foldLifecycle(state: Lifecycle, event: RunEvent, stringChars: number): void {
  // The end is final, whatever a damaged log may hold behind it.
  if (isTerminal(state.status)) return;
  switch (event.type) {
    case "run.queued":
      state.created_at = event.created_at;
      break;
    case "build.started":
    case "run.started":
      foldStarted(state, event);
      break;
    case "run.progress":
      state.progress = readProgress(event.payload, stringChars) ?? state.progress;
      break;
    case "run.error":
      state.failure = readFailure(event.payload, stringChars) ?? state.failure;
      break;
    case "run.completed":
      foldEnd(state, event, stringChars);
      break;
  }
}

function foldStarted(state: Lifecycle, event: RunEvent): void {
  const started = startedStatus(event.type);
  if (started === null || judgeStart(state.status, started) !== "moves") return;
  state.status = started;
  // A producer's clock may be behind the server's; a run never starts before it was made.
  if (started === "running") state.started_at = later(state.created_at, event.created_at);
}

function foldEnd(state: Lifecycle, event: RunEvent, stringChars: number): void {
  const status = event.payload["status"];
  if (!isEnd(status)) return;
  state.status = status;
  // Decided when the line was written, and taken as they stand.
  const execution = recordOrEmpty(event.payload["execution"]);
  state.started_at = textOr(execution["started_at"], state.started_at);
  state.completed_at = textOr(execution["completed_at"], later(state.started_at ?? state.created_at, event.created_at));
  state.duration_ms = integerOr(execution["duration_ms"], null);
  state.exit_code = integerOr(execution["exit_code"], null);
  const own = readFailure(event.payload["failure"], stringChars);
  state.failure = own ?? (status === "failed" ? state.failure : null);
}

const isEnd = (status: unknown): status is TerminalStatus =>
  status === "succeeded" || status === "failed" || status === "cancelled";

/** Both in the one form that sorts as text. */
const later = (a: string | null, b: string): string => (a !== null && a > b ? a : b);

function readFailure(value: unknown, stringChars: number): Failure | null {
  const { code, stage, message } = recordOrEmpty(value);
  if (typeof code !== "string" || typeof message !== "string") return null;
  return {
    // Names, not prose; cut short because the failure has to fit into the line of run.completed beside the summary.
    code: cutText(code, LIMITS.summaryStringChars),
    ...(typeof stage === "string" ? { stage: cutText(stage, LIMITS.summaryStringChars) } : {}),
    message: cutText(message, stringChars),
  };
}

/** Each `run.progress` says all there is to say: what it leaves out is not known any more. Null when nothing in it can be read. */
function readProgress(payload: Record<string, unknown>, stringChars: number): Progress | null {
  const percent = numberOr(payload["percent"], null);
  const message = textOr(payload["message"], null);
  const progress: Progress = {
    percent: percent !== null && percent >= 0 && percent <= 100 ? percent : null,
    items_processed: numberOr(payload["items_processed"], null),
    items_total: numberOr(payload["items_total"], null),
    message: message === null ? null : cutText(message, stringChars),
  };
  return Object.values(progress).some((value) => value !== null) ? progress : null;
}
