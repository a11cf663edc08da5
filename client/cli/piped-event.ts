import { judgeEvent } from "../../protocol/judge-event.ts";
import { isRecord } from "../../protocol/ndjson.ts";
import type { RunEnding } from "../run-producer.ts";

export type PipedEvent = { kind: "event"; line: string } | { kind: "end"; ending: RunEnding };

/**
 * A line that is an event which the server will take; null when it is output: no JSON object with a `type`, or one that breaks a rule. Such
 * a line is better read as it stands than lost with its whole batch.
 */
export function readPipedEvent(line: string): PipedEvent | null {
  if (!line.trimStart().startsWith("{")) return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Output that merely begins like JSON.
    return null;
  }
  if (!isRecord(value) || typeof value["type"] !== "string") return null;
  const judged = judgeEvent({ ...value, type: value["type"] }, null);
  switch (judged.kind) {
    case "bad":
      return null;
    case "completes": {
      // The end of the run is the end of the input: it must be the last event, and the pipe may say more.
      const { status, exit_code, failure } = judged.completion;
      return { kind: "end", ending: { status, exit_code, ...(failure === null ? {} : { failure }) } };
    }
    case "draft":
      // The line itself, so that numbers keep their digits; stamped, because it may be delivered late.
      return { kind: "event", line: value["created_at"] === undefined ? stamp(line) : line };
  }
}

const stamp = (line: string): string =>
  `{"created_at":"${new Date().toISOString()}",${line.slice(line.indexOf("{") + 1)}`;
