import type { RunEvent } from "./event.ts";

/**
 * The codec of the event line. An event is encoded once, when it is accepted, and never again: readers are given the same bytes from every
 * place. Names no platform and loads nothing, because the core, the page and the command line all read lines through it.
 */

/** An event that has everything but its number and, where its producer gave none, its time. */
export type EventDraft = {
  /** Already judged: dotted lower case, so it needs no escaping. */
  type: string;
  createdAtMs: number | null;
  /** The line's text after the value of `created_at`: `,"source":"…","step":"…","payload":{…}}`. */
  rest: string;
};

/** The whole line, without its newline. `createdAtIso` is UTC with milliseconds, as `Date.toISOString` gives it. */
export function assembleLine(draft: EventDraft, sequence: number, createdAtIso: string): string {
  return `{"sequence":${sequence},"type":"${draft.type}","created_at":"${createdAtIso}"${draft.rest}`;
}

/** `rest` of a draft from its parts; `payloadJson` is one encoded object. */
export function encodeRest(source: string | null, step: string | null, payloadJson: string): string {
  const sourceField = source === null ? "" : `,"source":${JSON.stringify(source)}`;
  const stepField = step === null ? "" : `,"step":${JSON.stringify(step)}`;
  return `${sourceField}${stepField},"payload":${payloadJson}}`;
}

/** A draft of an event that the server itself writes. */
export function draftEvent(
  type: string,
  createdAtMs: number | null,
  payload: Record<string, unknown>,
  origin: { source?: string | null; step?: string | null } = {},
): EventDraft {
  return { type, createdAtMs, rest: encodeRest(origin.source ?? null, origin.step ?? null, encodePayload(payload)) };
}

/** JSON text of a payload. Numbers that `parseLossless` kept as text are written with their digits; lone surrogates as `\udXXX`. */
export function encodePayload(payload: Record<string, unknown>): string {
  return JSON.stringify(payload);
}

/** Most bytes that `assembleLine` adds before `rest`, whatever sequence the event will get: 16 digits hold every safe integer. */
export function headBytes(type: string): number {
  return '{"sequence":,"type":"","created_at":""'.length + 16 + type.length + "2026-11-21T02:30:00.123Z".length;
}

/** `JSON.rawJSON` where the runtime has it. Node 20 does not; only the server encodes what it parsed, and it always does. */
const rawJson = (JSON as { rawJSON?: (text: string) => unknown }).rawJSON;

/**
 * Could the text hold a number that a double does not keep? Up to 15 significant digits without exponent always come back as the same decimal.
 * Digits inside strings only cost the slow path (about four times a plain parse).
 */
const NUMBER_AT_RISK = /[\d.]{16}|\d[eE][+-]?\d/;
export const mayLoseDigits = (json: string): boolean => NUMBER_AT_RISK.test(json);

/**
 * Parses JSON so that encoding it again gives every number the same decimal value: one that a double would change becomes a raw JSON
 * object. For encoding only: judge the plain parse. Recursive in the runtime, so the caller bounds the depth first.
 */
export function parseLossless(json: string): unknown {
  if (rawJson === undefined) return JSON.parse(json);
  return JSON.parse(json, (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && context?.source !== undefined && String(value) !== context.source
      ? rawJson(context.source)
      : value,
  );
}

/** The object of a JSON text, for encoding it again with its digits; `{}` when the text is of anything else. */
export function parseRecord(json: string): Record<string, unknown> {
  const value = parseLossless(json);
  return isRecord(value) ? value : {};
}

/** The event of a stored line, or null when the line is not one (damage): for readers, who show what they can. Extra fields stay. */
export function parseLine(line: string): RunEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Not an error here: null is how a reader learns that the line is damaged.
    return null;
  }
  return isRunEvent(value) ? value : null;
}

function isRunEvent(value: unknown): value is RunEvent {
  if (!isRecord(value)) return false;
  return (
    Number.isSafeInteger(value["sequence"]) &&
    Number(value["sequence"]) >= 1 &&
    typeof value["type"] === "string" &&
    typeof value["created_at"] === "string" &&
    isRecord(value["payload"]) &&
    (value["source"] === undefined || typeof value["source"] === "string") &&
    (value["step"] === undefined || typeof value["step"] === "string")
  );
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The lines of a text, without their newlines. A last line without newline counts; a final newline adds none. */
export function splitLines(text: string): string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (text.endsWith("\n")) lines.pop();
  return lines;
}

/** Longer texts are counted by the engine, which is quicker by far; for a short one the way there and back costs more. */
const LONG_TEXT = 1_024;
const encoder = new TextEncoder();

/** Bytes of the text in UTF-8. A lone surrogate counts three, as its replacement does. */
export function utf8Length(text: string): number {
  if (text.length > LONG_TEXT) return encoder.encode(text).length;
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (isPairAt(text, index)) {
      bytes += 2;
      index += 1;
    } else bytes += 2;
  }
  return bytes;
}

/** Do the units at `index` and after it form one character? */
export function isPairAt(text: string, index: number): boolean {
  const high = text.charCodeAt(index);
  if (high < 0xd800 || high > 0xdbff) return false;
  const low = text.charCodeAt(index + 1);
  return low >= 0xdc00 && low <= 0xdfff;
}

/** The first `chars` UTF-16 units, one fewer rather than half a character. */
export function cutText(text: string, chars: number): string {
  if (text.length <= chars) return text;
  return text.slice(0, isPairAt(text, chars - 1) ? chars - 1 : chars);
}
