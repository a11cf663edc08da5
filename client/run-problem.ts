import { problemSchema } from "../protocol/api.ts";
import { ERROR_CODES } from "../protocol/error-code.ts";
import type { ErrorCode } from "../protocol/error-code.ts";

export type RunProblem = {
  /** The server's code; `UNREACHABLE`: no answer at all; `UNREADABLE`: an answer that is not Runcast's. */
  code: ErrorCode | "UNREACHABLE" | "UNREADABLE";
  status: number | null;
  detail: string;
  /** May the very same request be sent again? */
  retry: boolean;
  /** The server asks to wait this long first. */
  retryAfterMs: number | null;
  /** Of a refused batch: the line, from 1. */
  line: number | null;
  expected: number | null;
};
/** Refusals and broken connections are values: nothing here throws but on a programmer's mistake. */
export type Answer<T> = { kind: "ok"; value: T } | { kind: "problem"; problem: RunProblem };

export const NO_PROBLEM = { retry: false, retryAfterMs: null, line: null, expected: null } as const;

/** No answer came, or it broke off: whether the request was carried out is unknown. */
export function unreachable(cause: unknown): RunProblem {
  const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const text = reason instanceof Error ? reason.message : String(reason);
  // Node's error for several refused addresses has an empty message and a code.
  const detail = text !== "" ? text : reason instanceof Error && "code" in reason ? String(reason.code) : "no answer";
  return { ...NO_PROBLEM, code: "UNREACHABLE", status: null, detail, retry: true };
}

export function problemOf(response: Response, body: unknown): RunProblem {
  const retryAfterMs = readRetryAfter(response.headers.get("retry-after"), Date.now());
  const retry = response.status === 429 || response.status >= 500;
  const { data: problem } = problemSchema.safeParse(body);
  if (problem === undefined || !isErrorCode(problem.code)) {
    const detail = problem?.detail ?? `the server answered ${response.status} ${response.statusText}`.trimEnd();
    return { ...NO_PROBLEM, code: "UNREADABLE", status: response.status, detail, retry, retryAfterMs };
  }
  return {
    code: problem.code,
    status: response.status,
    detail: problem.detail,
    retry: retry || ERROR_CODES[problem.code].retry,
    retryAfterMs,
    line: problem.line ?? null,
    expected: problem.expected ?? null,
  };
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CODES, code);

/** Seconds or a date, as RFC 9110 allows. */
export function readRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
