import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { errorText, logError } from "../storage/server-log.ts";
import type { App } from "./app-context.ts";
import { problem } from "./problem.ts";

/** Whatever is thrown ends here: the log gets all of it, the client the request id to ask with. */
export function answerError(error: Error, c: Context<App>): Response {
  // The validator's own refusals of a body; everything else that it finds goes through `refuseInvalid`.
  if (error instanceof HTTPException && error.status === 415) {
    return problem(c, { code: "UNSUPPORTED_MEDIA_TYPE", detail: "this route takes application/json" });
  }
  logError("a request failed", {
    request_id: c.get("requestId"),
    method: c.req.method,
    route: c.get("route") ?? null,
    error: errorText(error),
  });
  return isUnavailable(error)
    ? problem(c, { code: "STORAGE_UNAVAILABLE", detail: "a part of the storage cannot be reached; try again" })
    : problem(c, { code: "INTERNAL", detail: "something went wrong here; the log has it under this request id" });
}

/** Whether the platform's storage or an object could not be reached, and not our own code is wrong. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.cause !== undefined && isUnavailable(error.cause)) return true;
  // Set by the runtime on what a stub throws.
  const marks = ["retryable", "overloaded", "durableObjectReset"];
  if (marks.some((mark) => Reflect.get(error, mark) === true)) return true;
  // A broken constraint is a bug of ours, not the database's.
  if (error.message.startsWith("D1_") && !/SQLITE_(CONSTRAINT|MISMATCH|RANGE)/.test(error.message)) return true;
  // The object's own database: the disk fails or is full. Every other code of SQLite is a bug of ours.
  if (/: SQLITE_(IOERR|FULL|CORRUPT|NOTADB|CANTOPEN|READONLY|BUSY|LOCKED|NOMEM)\b/.test(error.message)) return true;
  // R2 writes the call before and its code behind: "get: We encountered an internal error. Please try again. (10001)".
  return /^(get|put|head|list|delete|createMultipartUpload|uploadPart|completeMultipartUpload): .*\(\d{5}\)$/.test(
    error.message,
  );
}
