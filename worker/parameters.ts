import { z } from "@hono/zod-openapi";
import { LOG_LEVELS } from "../protocol/event.ts";
import { LIMITS } from "../protocol/limits.ts";

/**
 * Parameters of a query as the contract documents them. Each is text that is there once; what the text may be is judged by the one parser that reads
 * it for HTTP and sockets alike (`protocol/read-query.ts`), and told here for the document.
 */
const documented = (schema: object, description: string) =>
  z
    .string()
    .meta({ ...schema, description })
    .optional();

const SEQUENCE = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

export const flag = (description: string) => documented({ type: "string", enum: ["true", "false"] }, description);

/** The same for a route that judges it by itself, also when it is there twice: it has something to look for first. [ERR5] */
export const flagForRoute = (description: string) =>
  z
    .unknown()
    .meta({ type: "string", enum: ["true", "false"], description })
    .optional();

export const wholeNumber = (range: { minimum?: number; maximum?: number }, description: string) =>
  documented({ ...SEQUENCE, ...range }, description);

export const choice = (values: readonly string[], description: string) =>
  documented({ type: "string", enum: [...values] }, description);

export const position = {
  after_sequence: wholeNumber({}, "Events with a sequence above this one"),
  from_sequence: wholeNumber({ minimum: 1 }, "Another way to write `after_sequence` plus one; both at once: 400"),
};

const TYPE_PATTERN = String.raw`[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?`;

export const types = documented(
  {
    type: "string",
    minLength: 1,
    pattern: `^${TYPE_PATTERN}(,${TYPE_PATTERN})*$`,
    example: "console.line,step.*",
  },
  "Only events of these types: a comma list; `step.*` is every type that begins with `step.`",
);

/** The query of a `runcast.v1` socket. */
export const liveQuerySchema = z.object({
  ...position,
  types,
  stay: flag("Stay after the end, for presence and views"),
});

/** The query of a `runcast.produce.v1` socket. */
export const produceQuerySchema = z.object({
  producer_id: documented(
    { type: "string", pattern: "^[\\x20-\\x7e]+$", minLength: 1, maxLength: LIMITS.producerIdChars },
    "Needed: who appends, in printable ASCII",
  ),
  producer_epoch: wholeNumber({}, "Needed: a newer epoch fences the older ones"),
});

/** The producer fields of an append: all of them or none. */
export const producerHeadersSchema = z.object({
  "producer-id": documented(
    { type: "string", pattern: "^[\\x20-\\x7e]+$", minLength: 1, maxLength: LIMITS.producerIdChars },
    "Who appends, in printable ASCII. The three producer fields come together or not at all",
  ),
  "producer-epoch": wholeNumber({}, "A newer epoch starts at batch 1 and fences the older ones"),
  "producer-sequence": wholeNumber({ minimum: 1 }, "The batch's number: 1, 2, 3 … per producer and epoch"),
});

export const idempotencyKey = documented(
  { type: "string", pattern: "^[\\x20-\\x7e]+$", minLength: 1, maxLength: 200 },
  "The same key and body within 24 hours is the same run; printable ASCII",
);

export const ifMatchHeader = documented(
  { type: "string", example: '"5f2c…"' },
  "Only if the run's ETag is one of these, else 412; a star is any",
);

export const ifNoneMatch = documented(
  { type: "string" },
  "ETags that the reader has already: 304 if it is one of them",
);

/** What a reader of stored bytes may say in its header. */
export const rangeHeadersSchema = z.object({
  range: documented({ type: "string", example: "bytes=0-1023" }, "These bytes only"),
  "if-range": documented({ type: "string" }, "The ETag that the range belongs to, else the whole comes"),
  "if-none-match": ifNoneMatch,
});

/** What a `GET …/events` may say in its header. The range is one of an ended run's whole log. */
export const readHeadersSchema = rangeHeadersSchema.extend({
  "last-event-id": wholeNumber({}, "Server-sent events: the last sequence received; beats the query"),
});

const ansi = choice(["keep", "strip"], "Text: keep escape sequences (as it is without this), or leave them out");

/** The query of `GET …/search`. */
export const searchQuerySchema = z.object({
  q: documented(
    { type: "string", minLength: 1, maxLength: LIMITS.searchQueryChars, pattern: String.raw`^[^\n]+$` },
    "Needed: what to look for in each line of the log's text",
  ),
  regex: flag("`q` is a regular expression in RE2's syntax"),
  case: flag("Capital and small letters are not alike"),
  level: choice(
    LOG_LEVELS,
    "Only lines at least this severe; one whose producer says nothing is an `error` on stderr, else `info`",
  ),
  types,
  ...position,
  ansi,
});

/** A parameter that may stand once or many times. */
export const repeatable = <T extends z.ZodType>(schema: T) =>
  z.union([z.array(schema), schema.transform((value) => [value])]).optional();

/** The query of a run's `GET …/metrics`. */
export const metricsQuerySchema = z.object({
  name: repeatable(z.string()).meta({
    description: `Needed: which metric; up to ${LIMITS.metricNames} times, each another`,
  }),
  points: wholeNumber(
    { minimum: 4, maximum: LIMITS.metricPoints },
    "At most so many points of each: of neighbours the lowest and the highest. Without it 2000",
  ),
  ...position,
});

/** The query of `GET …/events`. */
export const readQuerySchema = z.object({
  ...position,
  limit: wholeNumber({ minimum: 1 }, `At most so many events; a JSON page holds up to ${LIMITS.pageEvents}`),
  types,
  tail: wholeNumber({ maximum: 1_000_000 }, "The last so many events; with a position or `limit`: 400"),
  at: documented({ type: "string", format: "date-time" }, "From the first event at or after this time"),
  follow: flag("Stay until the run ends"),
  stream: flag("Server-sent events, whatever `Accept` says"),
  download: flag("With a file name, as a browser saves it"),
  format: choice(["ndjson", "json", "text"], "The form, whatever `Accept` says"),
  ansi,
  timestamps: flag("Text: the time before each line"),
  envelope: choice(["full"], "The constant fields in every event, after its payload"),
});
