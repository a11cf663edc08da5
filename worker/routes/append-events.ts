import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { z } from "zod";
import { appendAnswerSchema } from "../../protocol/api.ts";
import { parseAppend, type AppendFormat } from "../../protocol/append.ts";
import type { Refusal } from "../../protocol/error-code.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { isProducerId, parseFlag, parseWholeNumber, refuseRepeats } from "../../protocol/read-query.ts";
import type { AppendOutcome, AppendRequest } from "../../core/run/commands.ts";
import { appendToArchived } from "../../core/run/append-to-archived.ts";
import type { ProducerNumber } from "../../core/run/sequencer.ts";
import { D1RunIndex } from "../../storage/d1-run-index.ts";
import { R2LogReader } from "../../storage/r2-log-reader.ts";
import { packAppend } from "../../core/run/packed-append.ts";
import type { App } from "../app-context.ts";
import { answerOutput } from "../appending/answer-output.ts";
import type { Env } from "../env.ts";
import { noRun } from "../middleware/known-run.ts";
import { runObject } from "../objects.ts";
import { answers, newRoutes, refusals } from "../open-api.ts";
import { flagForRoute, producerHeadersSchema } from "../parameters.ts";
import { problem } from "../problem.ts";
import { readBody } from "../request-body.ts";
import { isRunId } from "../run-id.ts";

const sentEvent = { $ref: "#/components/schemas/SentEvent" };

const APPEND_BODIES = {
  "application/x-ndjson": {
    schema: z.string().describe("One event a line; a line that is none is raw output"),
    "x-itemSchema": sentEvent,
    example: '{"type":"step.started","step":"build","payload":{"name":"Build"}}\nany other line is output\n',
  },
  "application/json": { schema: { oneOf: [sentEvent, { type: "array" as const, items: sentEvent }] } },
  "text/plain": { schema: z.string().describe("Raw output, every line of it") },
};

export const appendRoutes = newRoutes().openapi(
  createRoute({
    method: "post",
    path: "/api/runs/{id}/events",
    summary: "Append a batch: all of it or nothing. The answer comes when it is durable",
    description:
      "A body holds at most `appendBodyBytes`, and its lines take at most `batchLineBytes` as they are stored (`GET /api/limits`): 100,000 lines that come to 1 MiB always fit. Beyond that 413 names in `line` the first line too many: send the lines before it as one batch, and the rest in others.",
    request: {
      params: z.object({ id: z.string() }),
      query: z.object({
        raw: flagForRoute("Every line is raw output, empty ones too"),
        stream: flagForRoute(
          "With `raw=true`: a body of any length, stored as it arrives; the answer comes at its end",
        ),
      }),
      headers: producerHeadersSchema,
      body: {
        required: false,
        // None of it is read by its content type's validator: `parseAppend` judges the bytes, whatever they are. [APP12]
        content: APPEND_BODIES,
      },
    },
    responses: {
      200: answers(appendAnswerSchema, "The batch is stored, or was stored before"),
      ...refusals(
        "INVALID_QUERY",
        "PRODUCER_FENCED",
        "RUN_NOT_FOUND",
        "RUN_ENDED",
        "ILLEGAL_MOVE",
        "PRODUCER_GAP",
        "EVENT_TOO_LARGE",
        "UNSUPPORTED_MEDIA_TYPE",
        "INVALID_JSON",
        "INVALID_EVENT",
        "RESERVED_TYPE",
        "INVALID_PRODUCER",
        "UNFLUSHED_LIMIT",
      ),
    },
  }),
  async (c) => {
    const id = c.req.valid("param").id;
    if (!isRunId(id)) return noRun(c, id);
    const query = readQuery(c);
    if (query.kind === "stream") return answerOutput(c, id);

    const request = query.kind === "batch" ? await readAppend(c, query.raw) : query.request;
    let outcome: AppendOutcome = await runObject(c.env, id).append(packAppend(request));
    if (outcome.kind === "unknown") outcome = await askArchive(c.env, id, request);

    if (outcome.kind === "unknown") return noRun(c, id);
    if (outcome.kind === "refused") return problem(c, outcome.refusal);
    const { firstSequence, lastSequence, accepted, duplicate, control } = outcome;
    return c.json({ first_sequence: firstSequence, last_sequence: lastSequence, accepted, duplicate, control }, 200);
  },
);

type AppendQuery =
  | { kind: "batch"; raw: boolean }
  | { kind: "stream" }
  /** Goes to the run like a batch that cannot be read: whether there is such a run is said first. [APP1] */
  | { kind: "refused"; request: AppendRequest };

function readQuery(c: Context<App>): AppendQuery {
  const query = new URL(c.req.url).searchParams;
  const refused = (refusal: Refusal): AppendQuery => ({ kind: "refused", request: refusedAt("query", refusal) });
  const repeats = refuseRepeats(query, ["raw", "stream"]);
  if (repeats !== null) return refused(repeats);
  const raw = parseFlag(query, "raw");
  if (raw.kind === "refused") return refused(raw.refusal);
  const stream = parseFlag(query, "stream");
  if (stream.kind === "refused") return refused(stream.refusal);
  return stream.value ? readStream(c, raw.value) : { kind: "batch", raw: raw.value };
}

/** A stream is cut where its lines end, and is no numbered batch of anybody's. */
function readStream(c: Context<App>, isRaw: boolean): AppendQuery {
  if (!isRaw) {
    const detail = "stream=true takes raw output only: send raw=true as well, or events in batches without stream";
    return { kind: "refused", request: refusedAt("query", { code: "INVALID_QUERY", detail }) };
  }
  if (["producer-id", "producer-epoch", "producer-sequence"].some((name) => c.req.header(name) !== undefined)) {
    const detail = "a streamed body is not a batch with a number: leave the Producer- fields out";
    return { kind: "refused", request: refusedAt("producer", { code: "INVALID_PRODUCER", detail }) };
  }
  if (formatOf(c.req.header("content-type")) !== null) return { kind: "stream" };
  return { kind: "refused", request: refusedAt("content", UNKNOWN_FORMAT) };
}

const UNKNOWN_FORMAT: Refusal = {
  code: "UNSUPPORTED_MEDIA_TYPE",
  detail: "send application/x-ndjson, application/json or text/plain",
};

/** The batch as the run's object takes it. What is wrong with it goes along: the run's own refusals are answered first. [APP1] */
async function readAppend(c: Context<App>, raw: boolean): Promise<AppendRequest> {
  const body = await readBody(c.req.raw, LIMITS.appendBodyBytes);
  if (body === null) {
    return refusedAt("body", { code: "PAYLOAD_TOO_LARGE", detail: "a batch is at most 4 MiB: send it in several" });
  }
  const producer = readProducer(c.req.raw.headers);
  if (producer.kind === "refused") return refusedAt("producer", producer.refusal);
  const format = formatOf(c.req.header("content-type"));
  if (format === null) return refusedAt("content", UNKNOWN_FORMAT, producer.value);
  const parsed = parseAppend(body, format, { raw });
  return parsed.kind === "refused"
    ? refusedAt("content", parsed.refusal, producer.value)
    : { producer: producer.value, content: { kind: "events", drafts: parsed.drafts, completion: parsed.completes } };
}

const refusedAt = (
  stage: "query" | "body" | "producer" | "content",
  refusal: Refusal,
  producer: ProducerNumber | null = null,
): AppendRequest => ({ producer, content: { kind: "refused", stage, refusal } });

function readProducer(
  headers: Headers,
): { kind: "ok"; value: ProducerNumber | null } | { kind: "refused"; refusal: Refusal } {
  const refused = (detail: string): { kind: "refused"; refusal: Refusal } => ({
    kind: "refused",
    refusal: { code: "INVALID_PRODUCER", detail },
  });
  const [id, epoch, sequence] = ["producer-id", "producer-epoch", "producer-sequence"].map((name) => headers.get(name));
  if (id == null && epoch == null && sequence == null) return { kind: "ok", value: null };
  if (id == null || epoch == null || sequence == null) {
    return refused("Producer-Id, Producer-Epoch and Producer-Sequence go together: send all of them or none");
  }
  if (!isProducerId(id)) return refused("Producer-Id must be 1 to 200 printable ASCII characters");
  const epochNumber = parseWholeNumber(epoch);
  if (epochNumber === null) return refused("Producer-Epoch must be a whole number from 0");
  const number = parseWholeNumber(sequence);
  if (number === null || number < 1) return refused("Producer-Sequence must be a whole number from 1");
  return { kind: "ok", value: { id, epoch: epochNumber, sequence: number } };
}

/** Without a content type a body is read as NDJSON: `curl -T -` sends none. */
function formatOf(contentType: string | undefined): AppendFormat | null {
  switch (contentType?.split(";")[0]?.trim().toLowerCase()) {
    case undefined:
    case "":
    case "application/x-ndjson":
      return "ndjson";
    case "application/json":
      return "json";
    case "text/plain":
      return "text";
    default:
      return null;
  }
}

/** The object knows the run no more, or never did: only now D1 is asked, and the manifest for the producers' last batches. [APP2] */
async function askArchive(env: Env, runId: string, request: AppendRequest): Promise<AppendOutcome> {
  const row = await new D1RunIndex(env.DB).get(runId);
  if (row === null) return { kind: "unknown" };
  const run = { workspaceId: row.run.workspace_id, runId };
  return appendToArchived(request, await new R2LogReader(env.ARCHIVE, run).manifest());
}
