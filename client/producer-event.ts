import { LIMITS } from "../protocol/limits.ts";
import { utf8Length } from "../protocol/ndjson.ts";

export type ProducerEvent = {
  type: string;
  payload?: Record<string, unknown>;
  /** RFC 3339; default: now. */
  created_at?: string;
  source?: string;
  step?: string;
};

/** The server adds `"sequence":` and up to 16 digits, and writes times with milliseconds. */
const SERVER_BYTES = 64;

/** The event as one line, stamped with the present: what is delivered late still says when it happened. */
export function encodeEvent({ type, payload = {}, created_at, source, step }: ProducerEvent, from?: string): string {
  const createdAt = created_at ?? new Date().toISOString();
  return holdLine(JSON.stringify({ type, created_at: createdAt, source: source ?? from, step, payload }));
}

/** The line itself, or a RangeError when no line of the log could hold it. */
export function holdLine(line: string): string {
  // A unit takes at most three bytes: nearly every line passes without being counted.
  if (line.length * 3 + SERVER_BYTES <= LIMITS.eventLineBytes) return line;
  const bytes = utf8Length(line) + SERVER_BYTES;
  if (bytes <= LIMITS.eventLineBytes) return line;
  throw new RangeError(`an event of ${bytes} bytes does not fit into a line of ${LIMITS.eventLineBytes}`);
}
