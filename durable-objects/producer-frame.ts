import { parseAppend } from "../protocol/append.ts";
import { producerAppendSchema } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Refusal } from "../protocol/error-code.ts";
import type { AppendOutcome, AppendRequest } from "../core/run/commands.ts";

export type ProducerFrameRead =
  | { kind: "append"; request: AppendRequest; producerSequence: number }
  | { kind: "bad"; code: 4400 | 4413; reason: string };

/** A frame of `runcast.produce.v1`: `{"op":"append",…}`, then the lines of the batch. */
export function readProducerFrame(text: string, producer: { id: string; epoch: number }): ProducerFrameRead {
  const end = text.indexOf("\n");
  const head = producerAppendSchema.safeParse(parseJson(end === -1 ? text : text.slice(0, end)));
  if (!head.success)
    return { kind: "bad", code: 4400, reason: 'a frame begins with {"op":"append","producer_sequence":n}' };
  const body = new TextEncoder().encode(end === -1 ? "" : text.slice(end + 1));
  if (body.length > LIMITS.appendBodyBytes) return { kind: "bad", code: 4413, reason: "a batch is at most 4 MiB" };
  const parsed = parseAppend(body, "ndjson", { raw: false });
  const content: AppendRequest["content"] =
    parsed.kind === "drafts"
      ? { kind: "events", drafts: parsed.drafts, completion: parsed.completes }
      : { kind: "refused", stage: "content", refusal: parsed.refusal };
  const producerSequence = head.data.producer_sequence;
  return {
    kind: "append",
    producerSequence,
    request: { producer: { ...producer, sequence: producerSequence }, content },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema says what was expected instead.
    return undefined;
  }
}

/** The answer to one batch. A fenced producer, and one whose run is gone, is closed as well: it has nothing more to say here. */
export function answerFrame(
  producerSequence: number,
  outcome: AppendOutcome,
): { frame: string; close: { code: number; reason: string } | null } {
  if (outcome.kind === "appended") {
    const ack = {
      op: "ack",
      producer_sequence: producerSequence,
      first_sequence: outcome.firstSequence,
      last_sequence: outcome.lastSequence,
      duplicate: outcome.duplicate,
    };
    return { frame: JSON.stringify(ack), close: null };
  }
  const refusal: Refusal =
    outcome.kind === "unknown" ? { code: "RUN_ENDED", detail: "the run has ended and is archived" } : outcome.refusal;
  const { code, detail, expected } = refusal;
  const frame = JSON.stringify({ op: "error", code, detail, ...(expected === undefined ? {} : { expected }) });
  return { frame, close: code === "PRODUCER_FENCED" ? { code: 4409, reason: "fenced by a newer epoch" } : null };
}
