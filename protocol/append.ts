import type { Refusal } from "./error-code.ts";
import { isTooDeep, judgeEvent, type Completion } from "./judge-event.ts";
import { LIMITS } from "./limits.ts";
import { headBytes, isRecord, mayLoseDigits, parseLossless, utf8Length, type EventDraft } from "./ndjson.ts";
import { pushRawLine } from "./raw-output.ts";

export type { Completion } from "./judge-event.ts";
export type { EventDraft } from "./ndjson.ts";

export type AppendFormat = "ndjson" | "json" | "text";
export type ParsedAppend =
  | { kind: "drafts"; drafts: EventDraft[]; completes: Completion | null }
  | { kind: "refused"; refusal: Refusal };

/**
 * What a body of `POST …/events` becomes: every event judged and encoded, or one refusal that names the first bad line. Total: no bytes make
 * it throw. The producer's `run.completed` is in `completes`, never in `drafts`, because the server writes that line. The caller has already
 * held the body against `LIMITS.appendBodyBytes`.
 */
export function parseAppend(body: Uint8Array, format: AppendFormat, options: { raw: boolean }): ParsedAppend {
  const batch = new Batch();
  // Raw output keeps its empty lines, whichever way it was declared to be raw.
  const refusal =
    options.raw || format === "text"
      ? readRaw(batch, decodeReplacing(body))
      : format === "json"
        ? readJson(batch, body)
        : readLines(batch, decodeReplacing(body));
  return refusal === null
    ? { kind: "drafts", drafts: batch.drafts, completes: batch.completes }
    : { kind: "refused", refusal };
}

/** A byte-order mark stays: it is part of the first line, as any other character. */
const decodeReplacing = (body: Uint8Array): string =>
  new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(body);

function readRaw(batch: Batch, text: string): Refusal | null {
  return eachLine(text, (line, number) => batch.addRaw(line, number));
}

function readLines(batch: Batch, text: string): Refusal | null {
  return eachLine(text, (line, number) => {
    if (line === "") return null;
    const event = parseEventLine(line);
    if (event === null) return batch.addRaw(line, number);
    return batch.addEvent(event, mayLoseDigits(line) ? () => toRecord(parseLossless(line)) : null, number);
  });
}

function readJson(batch: Batch, body: Uint8Array): Refusal | null {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    value = JSON.parse(text);
  } catch (error) {
    return { code: "INVALID_JSON", detail: error instanceof Error ? error.message : "not JSON in UTF-8" };
  }
  const items = toItems(value);
  // A lossless parse walks recursively. A batch with an item too deep is refused below, so it needs none.
  const walkable = mayLoseDigits(text) && items.every((item) => isTyped(item) && !isTooDeep(item));
  const exact = walkable ? toItems(parseLossless(text)) : null;
  for (const [index, item] of items.entries()) {
    const line = index + 1;
    if (!isTyped(item)) return { code: "INVALID_EVENT", detail: "must be an object with a string type", line };
    const refusal = batch.addEvent(item, exact === null ? null : () => toRecord(exact[index]), line);
    if (refusal !== null) return refusal;
  }
  return null;
}

const toItems = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

/** Calls `read` with each line, its trailing `\r` gone, and its number from 1, until one is refused. */
function eachLine(text: string, read: (line: string, number: number) => Refusal | null): Refusal | null {
  let number = 0;
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const next = newline === -1 ? text.length : newline;
    const end = next > start && text.charCodeAt(next - 1) === CARRIAGE_RETURN ? next - 1 : next;
    number += 1;
    const refusal = read(text.slice(start, end), number);
    if (refusal !== null) return refusal;
    start = next + 1;
  }
  return null;
}

const CARRIAGE_RETURN = 0x0d;

type TypedObject = Record<string, unknown> & { type: string };
const isTyped = (value: unknown): value is TypedObject => isRecord(value) && typeof value["type"] === "string";
const toRecord = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

/** The object of a line that is an event; null when the line is raw output. */
function parseEventLine(line: string): TypedObject | null {
  // A syntax error costs more than the rest of a line's way, and most output gives itself away by its ends.
  const trimmed = line.trim();
  if (trimmed.charCodeAt(0) !== 0x7b || trimmed.charCodeAt(trimmed.length - 1) !== 0x7d) return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Not an error: what is not JSON is raw output.
    return null;
  }
  return isTyped(value) ? value : null;
}

/** The drafts of one append, in order, with what holds for all of them together. */
class Batch {
  readonly drafts: EventDraft[] = [];
  completes: Completion | null = null;
  #completedOnLine = 0;
  readonly #size = new BatchSize();

  addRaw(message: string, line: number): Refusal | null {
    if (this.completes !== null) return this.#afterEnd();
    pushRawLine(this.drafts, message);
    return this.#tooLarge(line);
  }

  addEvent(event: TypedObject, lossless: (() => Record<string, unknown>) | null, line: number): Refusal | null {
    if (this.completes !== null) return this.#afterEnd();
    const judged = judgeEvent(event, lossless);
    switch (judged.kind) {
      case "bad":
        return { code: judged.code, detail: judged.detail, line };
      case "completes":
        this.completes = judged.completion;
        this.#completedOnLine = line;
        return null;
      case "draft":
        this.drafts.push(judged.draft);
        return this.#tooLarge(line);
    }
  }

  #afterEnd(): Refusal {
    return {
      code: "INVALID_EVENT",
      detail: "run.completed must be the last event of its batch",
      line: this.#completedOnLine,
    };
  }

  #tooLarge(line: number): Refusal | null {
    if (this.#size.fits(this.drafts)) return null;
    const limit = LIMITS.batchLineBytes;
    const detail = `the lines of this batch take more than ${limit} bytes as they are stored, each about 100 more than its payload: send the ${line - 1} before line ${line} as one batch, and the rest in others`;
    return { code: "PAYLOAD_TOO_LARGE", detail, line };
  }
}

/** What the lines of a batch take as they are stored. Bytes are counted only when their characters leave it open whether they fit. */
class BatchSize {
  #counted = 0;
  #chars = 0;
  #exactlyCounted = 0;
  #bytes = 0;

  fits(drafts: readonly EventDraft[]): boolean {
    for (; this.#counted < drafts.length; this.#counted += 1) {
      const draft = drafts[this.#counted];
      if (draft !== undefined) this.#chars += headBytes(draft.type) + draft.rest.length + 1;
    }
    if (this.#chars * UTF8_BYTES_MAX <= LIMITS.batchLineBytes) return true;
    for (; this.#exactlyCounted < drafts.length; this.#exactlyCounted += 1) {
      const draft = drafts[this.#exactlyCounted];
      if (draft !== undefined) this.#bytes += headBytes(draft.type) + utf8Length(draft.rest) + 1;
    }
    return this.#bytes <= LIMITS.batchLineBytes;
  }
}

/** The most that one UTF-16 unit takes in UTF-8. */
const UTF8_BYTES_MAX = 3;
