import { parseInstant } from "../../protocol/instant.ts";
import { LIMITS } from "../../protocol/limits.ts";
import {
  parseAnsi,
  parseFlag,
  parsePosition,
  parseTypesQuery,
  parseWholeNumber,
  refuseRepeats,
  type Parsed,
} from "../../protocol/read-query.ts";

export type ReadForm = "ndjson" | "sse" | "json" | "text";

/** What `GET …/events` asks for, read from its query and headers. */
export type ReadOptions = {
  form: ReadForm;
  afterSequence: number;
  /** From the first event at or after this time (RFC 3339 in UTC) in the log's time; null: from `afterSequence`. */
  at: string | null;
  /** The constant fields come with every line. */
  isEnveloped: boolean;
  /** At most so many events; null: all. */
  limit: number | null;
  types: string[] | null;
  /** The last so many; null: from `afterSequence`. */
  tail: number | null;
  follow: boolean;
  download: boolean;
  /** `Last-Event-ID` was sent: a reconnect. */
  isReconnect: boolean;
  text: { stripAnsi: boolean; timestamps: boolean };
};

/** The whole run from its first event, as server-sent events. */
export const WHOLE_RUN_LIVE: ReadOptions = {
  form: "sse",
  afterSequence: 0,
  at: null,
  isEnveloped: false,
  limit: null,
  types: null,
  tail: null,
  follow: true,
  download: false,
  isReconnect: false,
  text: { stripAnsi: false, timestamps: false },
};

const refused = (detail: string): { kind: "refused"; refusal: { code: "INVALID_QUERY"; detail: string } } => ({
  kind: "refused",
  refusal: { code: "INVALID_QUERY", detail },
});

/** Every parameter of a read. Each counts once. */
export const READ_PARAMETERS = [
  "after_sequence",
  "from_sequence",
  "limit",
  "types",
  "tail",
  "at",
  "follow",
  "stream",
  "download",
  "format",
  "ansi",
  "timestamps",
  "envelope",
] as const;

export function parseReadOptions(query: URLSearchParams, headers: Headers): Parsed<ReadOptions> {
  const repeats = refuseRepeats(query, READ_PARAMETERS);
  if (repeats !== null) return { kind: "refused", refusal: repeats };
  const flags = { stream: false, follow: false, download: false, timestamps: false };
  for (const name of ["stream", "follow", "download", "timestamps"] as const) {
    const flag = parseFlag(query, name);
    if (flag.kind === "refused") return flag;
    flags[name] = flag.value;
  }
  const form = parseForm(query, headers, flags.stream);
  if (form.kind === "refused") return form;
  const position = parsePosition(query);
  if (position.kind === "refused") return position;
  const types = parseTypesQuery(query);
  if (types.kind === "refused") return types;
  const limit = parseLimit(query, form.value);
  if (limit.kind === "refused") return limit;
  const tail = parseTail(query, form.value);
  if (tail.kind === "refused") return tail;
  const at = parseAt(query);
  if (at.kind === "refused") return at;
  const envelope = query.get("envelope");
  if (envelope !== null && envelope !== "full")
    return refused("envelope must be full; leave it out for the bare lines");
  const stripAnsi = parseAnsi(query);
  if (stripAnsi.kind === "refused") return stripAnsi;

  let afterSequence = position.value;
  const lastEventId = form.value === "sse" ? headers.get("last-event-id") : null;
  if (lastEventId !== null) {
    const sequence = parseWholeNumber(lastEventId);
    if (sequence === null) return refused("Last-Event-ID must be the sequence of the last event received");
    afterSequence = sequence;
  }
  return {
    kind: "ok",
    value: {
      form: form.value,
      afterSequence,
      at: lastEventId === null ? at.value : null,
      isEnveloped: envelope !== null,
      limit: limit.value,
      types: types.value,
      tail: lastEventId === null ? tail.value : null,
      follow: form.value === "sse" || (flags.follow && form.value !== "json"),
      download: flags.download,
      isReconnect: lastEventId !== null,
      text: { stripAnsi: stripAnsi.value, timestamps: flags.timestamps },
    },
  };
}

const FORM_BY_MEDIA_TYPE: Readonly<Record<string, ReadForm>> = {
  "application/x-ndjson": "ndjson",
  "application/*": "ndjson",
  "*/*": "ndjson",
  "text/event-stream": "sse",
  "application/json": "json",
  "text/plain": "text",
  "text/*": "text",
};

/** The query beats the header; of several accepted types the first that we know, in the order of their weights. */
function parseForm(query: URLSearchParams, headers: Headers, isStream: boolean): Parsed<ReadForm> {
  const format = query.get("format");
  if (format !== null && !["text", "ndjson", "json"].includes(format))
    return refused("format must be text, json or ndjson");
  if (isStream && format !== null) return refused("stream=true and format ask for different answers: send one of them");
  if (isStream) return { kind: "ok", value: "sse" };
  if (format !== null) return { kind: "ok", value: format as ReadForm };
  const accept = headers.get("accept");
  if (accept === null || accept.trim() === "") return { kind: "ok", value: "ndjson" };
  const ranges = accept.split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    return { type, weight: weight === undefined ? 1 : Number(weight.slice(2)) };
  });
  ranges.sort((a, b) => b.weight - a.weight);
  for (const { type, weight } of ranges) {
    const form = FORM_BY_MEDIA_TYPE[type];
    if (form !== undefined && weight > 0) return { kind: "ok", value: form };
  }
  // A browser that opens the address asks for HTML: it is shown the lines all the same.
  if (ranges.some(({ type }) => type === "text/html")) return { kind: "ok", value: "ndjson" };
  const detail = "events come as application/x-ndjson, text/event-stream, application/json or text/plain";
  return { kind: "refused", refusal: { code: "NOT_ACCEPTABLE", detail } };
}

function parseLimit(query: URLSearchParams, form: ReadForm): Parsed<number | null> {
  const text = query.get("limit");
  if (text === null) return { kind: "ok", value: form === "json" ? LIMITS.pageEvents : null };
  const limit = parseWholeNumber(text);
  if (limit === null || limit < 1) return refused("limit must be a whole number from 1");
  if (form === "json" && limit > LIMITS.pageEvents) return refused(`a page holds at most ${LIMITS.pageEvents} events`);
  return { kind: "ok", value: limit };
}

function parseAt(query: URLSearchParams): Parsed<string | null> {
  const text = query.get("at");
  if (text === null) return { kind: "ok", value: null };
  const instant = parseInstant(text);
  if (instant === null) {
    return refused("at must be an RFC 3339 time, as in 2026-11-21T02:30:00Z; in a query the + of an offset is %2B");
  }
  const other = ["after_sequence", "from_sequence"].find((name) => query.has(name));
  if (other !== undefined) return refused(`at and ${other} both say where to begin: send one of them`);
  return { kind: "ok", value: new Date(instant).toISOString() };
}

/** More than anybody looks at; it bounds the positions remembered while a filtered tail is looked for. */
const MOST_TAIL = 1_000_000;

function parseTail(query: URLSearchParams, form: ReadForm): Parsed<number | null> {
  const text = query.get("tail");
  if (text === null) return { kind: "ok", value: null };
  const tail = parseWholeNumber(text);
  if (tail === null || tail > MOST_TAIL) return refused(`tail must be a whole number up to ${MOST_TAIL}`);
  if (form === "json" && tail > LIMITS.pageEvents) return refused(`a page holds at most ${LIMITS.pageEvents} events`);
  const other = ["after_sequence", "from_sequence", "at", "limit"].find((name) => query.has(name));
  return other === undefined ? { kind: "ok", value: tail } : refused(`tail and ${other} cannot be combined`);
}
