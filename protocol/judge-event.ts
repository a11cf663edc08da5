import type { z } from "zod";
import type { ErrorCode } from "./error-code.ts";
import { EVENT_TYPE, isKnownType, payloadSchemas, RESERVED_TYPES, type Failure, type TerminalStatus } from "./event.ts";
import { parseInstant } from "./instant.ts";
import { LIMITS } from "./limits.ts";
import { encodePayload, encodeRest, headBytes, isRecord, utf8Length, type EventDraft } from "./ndjson.ts";

/** What a producer said about the end of its run. The server writes the line, so there is no draft of it. */
export type Completion = {
  status: TerminalStatus;
  exit_code: number | null;
  failure: Failure | null;
  createdAtMs: number | null;
  source: string | null;
  step: string | null;
};

export type Judgement =
  | { kind: "draft"; draft: EventDraft }
  | { kind: "completes"; completion: Completion }
  | { kind: "bad"; code: ErrorCode; detail: string };

/**
 * Judges one event as its producer sent it. `value` is the plain parse, which the rules are held against; `lossless` gives the same object
 * with its digits kept, and is asked for only when the payload is encoded, after its depth is known.
 */
export function judgeEvent(
  value: Record<string, unknown> & { type: string },
  lossless: (() => Record<string, unknown>) | null,
): Judgement {
  const { type } = value;
  if (RESERVED_TYPES.has(type)) return bad("RESERVED_TYPE", `only the server writes ${type}`);
  if (type.length > LIMITS.typeChars) return bad("INVALID_EVENT", `type: longer than ${LIMITS.typeChars} characters`);
  if (!EVENT_TYPE.test(type)) return bad("INVALID_EVENT", "type: must be dotted lower case, as in step.started");

  const source = optionalString(value["source"]);
  if (source === undefined) return bad("INVALID_EVENT", "source: must be a string");
  const step = optionalString(value["step"]);
  if (step === undefined) return bad("INVALID_EVENT", "step: must be a string");
  const createdAtMs = optionalInstant(value["created_at"]);
  if (createdAtMs === undefined) return bad("INVALID_EVENT", "created_at: must be an RFC 3339 time with its offset");

  const payload = value["payload"] === undefined ? {} : value["payload"];
  if (!isRecord(payload)) return bad("INVALID_EVENT", "payload: must be an object");
  if (isTooDeep(value)) {
    return bad("INVALID_EVENT", `payload: nested deeper than ${LIMITS.payloadLevels} levels`);
  }

  if (type === "run.completed") return judgeCompletion(payload, createdAtMs, source, step);
  const reason = payloadFault(type, payload);
  if (reason !== null) return bad("INVALID_EVENT", reason);

  const exact = lossless === null ? payload : losslessPayload(lossless());
  const rest = encodeRest(source, step, encodePayload(exact));
  if (headBytes(type) + rest.length * 3 > LIMITS.eventLineBytes) {
    const lineBytes = headBytes(type) + utf8Length(rest);
    if (lineBytes > LIMITS.eventLineBytes) {
      return bad("EVENT_TOO_LARGE", `the event takes ${lineBytes} bytes; a line holds ${LIMITS.eventLineBytes}`);
    }
  }
  return { kind: "draft", draft: { type, createdAtMs, rest } };
}

const bad = (code: ErrorCode, detail: string): Judgement => ({ kind: "bad", code, detail });

/** Null means absent; undefined means wrong. */
function optionalString(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : undefined;
}

function optionalInstant(value: unknown): number | null | undefined {
  if (value === undefined) return null;
  return typeof value === "string" ? (parseInstant(value) ?? undefined) : undefined;
}

function losslessPayload(value: Record<string, unknown>): Record<string, unknown> {
  const payload = value["payload"];
  return isRecord(payload) ? payload : {};
}

/** Every top-level field counts, as `payload` does: the others are dropped, but a lossless parse would walk them too. */
export const isTooDeep = (event: object): boolean => isDeeper(event, LIMITS.payloadLevels + 1);

/** Recursion ends at `levels`, so no nesting that JSON can express overflows the stack. */
function isDeeper(value: object, levels: number): boolean {
  if (levels === 0) return true;
  for (const child of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof child === "object" && child !== null && isDeeper(child, levels - 1)) return true;
  }
  return false;
}

function judgeCompletion(
  payload: Record<string, unknown>,
  createdAtMs: number | null,
  source: string | null,
  step: string | null,
): Judgement {
  const parsed = payloadSchemas["run.completed"].safeParse(payload);
  if (!parsed.success) return bad("INVALID_EVENT", firstIssue(parsed.error));
  const { status, exit_code = null, failure: given = null } = parsed.data;
  const failure =
    given === null
      ? null
      : { code: given.code, ...(given.stage === undefined ? {} : { stage: given.stage }), message: given.message };
  const bytes = utf8Length(JSON.stringify({ source, step, failure }));
  if (bytes > LIMITS.completionBytes) {
    return bad(
      "EVENT_TOO_LARGE",
      `source, step and failure take ${bytes} bytes; a run.completed holds ${LIMITS.completionBytes}`,
    );
  }
  return { kind: "completes", completion: { status, exit_code, failure, createdAtMs, source, step } };
}

/** Why the payload is not what its type asks for, or null. Types without a schema may hold anything. */
function payloadFault(type: string, payload: Record<string, unknown>): string | null {
  if (!isKnownType(type)) return null;
  const parsed = payloadSchemas[type].safeParse(payload);
  return parsed.success ? null : firstIssue(parsed.error);
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined
    ? "payload: not valid"
    : `${["payload", ...issue.path.map(String)].join(".")}: ${issue.message}`;
}
