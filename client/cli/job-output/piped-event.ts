import type { ErrorCode } from "../../../protocol/error-code.ts";
import { judgeEvent } from "../../../protocol/judge-event.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { isRecord, utf8Length } from "../../../protocol/ndjson.ts";
import type { RunEnding } from "../../run-producer.ts";
import { maskJson } from "../masking/masked-json.ts";
import type { Masks } from "../masking/masks.ts";

export type PipedLine =
  /** No JSON object with a `type`. */
  | { kind: "output" }
  /** The line itself, masked, so that numbers keep their digits. */
  | { kind: "event"; line: string }
  | { kind: "end"; ending: RunEnding }
  /** It was meant as an event and breaks a rule: better read as it stands than lost with its whole batch. */
  | { kind: "bad"; code: ErrorCode; detail: string };

/** What the line grows by: the time, the number, the server's spelling. */
const GROWTH_BYTES = 256;

/** What a line is that may be an event. */
export function readPipedLine(line: string, masks: Masks, now: number): PipedLine {
  if (!line.trimStart().startsWith("{") || parseTyped(line) === null) return { kind: "output" };
  const masked = maskJson(line, masks);
  const value = parseTyped(masked);
  // Its type was a secret.
  if (value === null) return { kind: "output" };
  const judged = judgeEvent(value, null);
  switch (judged.kind) {
    case "bad":
      return judged;
    case "completes": {
      // The end of the run is the end of the input: it must be the last event, and the pipe may say more.
      const { status, exit_code, failure } = judged.completion;
      return { kind: "end", ending: { status, exit_code, ...(failure === null ? {} : { failure }) } };
    }
    case "draft": {
      const bytes = utf8Length(masked) + GROWTH_BYTES;
      if (bytes > LIMITS.eventLineBytes) {
        return {
          kind: "bad",
          code: "EVENT_TOO_LARGE",
          detail: `a line holds ${LIMITS.eventLineBytes} bytes, blanks too`,
        };
      }
      // Stamped, because it may be delivered late.
      return { kind: "event", line: value["created_at"] === undefined ? stamp(masked, now) : masked };
    }
  }
}

function parseTyped(line: string): (Record<string, unknown> & { type: string }) | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Output that merely begins like JSON.
    return null;
  }
  return isRecord(value) && typeof value["type"] === "string" ? { ...value, type: value["type"] } : null;
}

const stamp = (line: string, now: number): string =>
  `{"created_at":"${new Date(now).toISOString()}",${line.slice(line.indexOf("{") + 1)}`;
