import * as z from "zod";
import {
  appendAnswerSchema,
  artifactListSchema,
  artifactSchema,
  eventPageSchema,
  healthSchema,
  heartbeatAnswerSchema,
  principalSchema,
  proofSchema,
  shareSchema,
  statsSchema,
} from "../protocol/api.ts";
import type { AppendAnswer, Artifact, Principal, Proof, Share, Stats, EditRun } from "../protocol/api.ts";
import { metricHistorySchema } from "../protocol/metric-history.ts";
import type { MetricHistory } from "../protocol/metric-history.ts";
import { summarySchema } from "../protocol/summary.ts";
import type { Summary } from "../protocol/summary.ts";
import type { ControlRequest } from "../protocol/control.ts";
import { listWithText, runListWithTextSchema, runToJson, runWithTextSchema, withText } from "./run-with-text.ts";
import type { NewRun, RunWithText, RunListWithText } from "./run-with-text.ts";
import { askPatiently } from "./ask-patiently.ts";
import { NO_PROBLEM, problemOf, unreachable } from "./run-problem.ts";
import type { Answer, RunProblem } from "./run-problem.ts";

export type { Answer, RunProblem };

export type ApiOptions = {
  /** The server, as in `http://127.0.0.1:8787`; in a page `location.origin`. */
  url: string;
  /** For programs; a page is known by its session cookie. */
  token?: string;
  fetch?: typeof fetch;
  /** For one answer to begin and end (default 30 s). */
  timeoutMs?: number;
  /**
   * For this long a request is repeated that got no answer, or one that asks to come again later, if repeating it can do no harm (default 0:
   * each request once).
   */
  patienceMs?: number;
  /** Before the wait for each repeat. */
  onRetry?: (problem: RunProblem) => void;
};
export type ListRunsQuery = {
  status?: readonly string[];
  workflow_id?: string;
  label?: readonly string[];
  q?: string;
  pinned?: boolean;
  created_after?: string;
  created_before?: string;
  max_validation_severity?: string;
  limit?: number;
  cursor?: string;
};
export type ProducerNumber = { producerId: string; epoch: number; sequence: number };
export type Health = z.infer<typeof healthSchema>;
export type EventPage = z.infer<typeof eventPageSchema>;

/** The HTTP API, typed: every answer is held against its schema. */
export class RuncastApi {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** With the same `idempotencyKey` a repeat gives the same run. `parameters_text` in place of `parameters` keeps digits that JavaScript does not. */
  createRun(
    workspaceId: string,
    body: NewRun,
    idempotencyKey: string,
    signal?: AbortSignal,
  ): Promise<Answer<RunWithText>> {
    const headers = { "content-type": "application/json", "idempotency-key": idempotencyKey };
    const path = `/api/workspaces/${encodeURIComponent(workspaceId)}/runs`;
    return this.#ask(path, { method: "POST", isRepeatable: true, headers, body: runToJson(body), signal }, RUN);
  }

  getRun(runId: string, signal?: AbortSignal): Promise<Answer<RunWithText>> {
    return this.#ask(runPath(runId), { signal }, RUN);
  }

  /** The run with its `ETag`, for an edit that must not undo another's. */
  async getRunToEdit(runId: string, signal?: AbortSignal): Promise<Answer<{ run: RunWithText; etag: string | null }>> {
    const answer = await this.#exchange(runPath(runId), { signal }, RUN);
    if (answer.kind === "problem") return answer;
    return { kind: "ok", value: { run: answer.value.body, etag: answer.value.headers.get("etag") } };
  }

  /** With `ifMatch` refused (`PRECONDITION_FAILED`) when somebody has edited the run since. */
  editRun(runId: string, changes: EditRun, ifMatch?: string): Promise<Answer<RunWithText>> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (ifMatch !== undefined) headers["if-match"] = ifMatch;
    return this.#ask(runPath(runId), { method: "PATCH", headers, body: JSON.stringify(changes) }, RUN);
  }

  /** The run, its log, artifacts and all that is stored of it go for good; an open run is refused (`RUN_OPEN`). */
  deleteRun(runId: string): Promise<Answer<undefined>> {
    return this.#ask(runPath(runId), { method: "DELETE" }, z.undefined());
  }

  getStats(workspaceId: string, signal?: AbortSignal): Promise<Answer<Stats>> {
    return this.#ask(`/api/workspaces/${encodeURIComponent(workspaceId)}/stats`, { signal }, statsSchema);
  }

  listArtifacts(runId: string, signal?: AbortSignal): Promise<Answer<{ items: Artifact[] }>> {
    return this.#ask(`${runPath(runId)}/artifacts`, { signal }, artifactListSchema);
  }

  /** Addresses to give away: of the page, of its preview, of the badge. */
  shareRun(runId: string, signal?: AbortSignal): Promise<Answer<Share>> {
    return this.#ask(`${runPath(runId)}/share`, { signal }, shareSchema);
  }

  listRuns(workspaceId: string, query: ListRunsQuery = {}, signal?: AbortSignal): Promise<Answer<RunListWithText>> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined) parameters.append(name, String(one));
      }
    }
    const path = `/api/workspaces/${encodeURIComponent(workspaceId)}/runs?${parameters}`;
    return this.#ask(path, { signal }, RUN_LIST);
  }

  /** Asks the producer to end the run; a run that was cancelled before is no error. */
  cancelRun(
    runId: string,
    options: { reason?: string; force?: boolean } = {},
    signal?: AbortSignal,
  ): Promise<Answer<RunWithText>> {
    const { reason, force } = options;
    const path = `${runPath(runId)}/cancel${force === true ? "?force=true" : ""}`;
    const body = JSON.stringify(reason === undefined ? {} : { reason });
    return this.#ask(path, { method: "POST", headers: { "content-type": "application/json" }, body, signal }, RUN);
  }

  /** One page of the log. */
  readEvents(
    runId: string,
    query: { afterSequence?: number; limit?: number; types?: readonly string[] } = {},
    signal?: AbortSignal,
  ): Promise<Answer<EventPage>> {
    const parameters = new URLSearchParams({ after_sequence: String(query.afterSequence ?? 0) });
    if (query.limit !== undefined) parameters.set("limit", String(query.limit));
    if (query.types !== undefined) parameters.set("types", query.types.join(","));
    const headers = { accept: "application/json" };
    return this.#ask(`${runPath(runId)}/events?${parameters}`, { headers, signal }, eventPageSchema);
  }

  /** The lines that `query` asks for as they are stored, as NDJSON: numbers keep their digits. */
  readLines(runId: string, query: URLSearchParams, signal?: AbortSignal): Promise<Answer<string>> {
    const headers = { accept: "application/x-ndjson" };
    return this.#ask(`${runPath(runId)}/events?${query}`, { headers, signal }, TEXT);
  }

  /**
   * The values of some of the run's metrics, as many points of each as a chart can show; `complete` false: `scanned_to` is where to go on.
   */
  readMetrics(
    runId: string,
    query: { names: readonly string[]; points?: number; afterSequence?: number },
    signal?: AbortSignal,
  ): Promise<Answer<MetricHistory>> {
    const parameters = new URLSearchParams(query.names.map((name) => ["name", name]));
    if (query.points !== undefined) parameters.set("points", String(query.points));
    if (query.afterSequence !== undefined) parameters.set("after_sequence", String(query.afterSequence));
    return this.#ask(`${runPath(runId)}/metrics?${parameters}`, { signal }, metricHistorySchema);
  }

  getSummary(runId: string, signal?: AbortSignal): Promise<Answer<Summary>> {
    return this.#ask(`${runPath(runId)}/summary`, { signal }, summarySchema);
  }

  /** One batch of NDJSON. The same number with the same bytes may be sent until it is answered: it is stored once. */
  append(
    runId: string,
    body: Uint8Array<ArrayBuffer>,
    number: ProducerNumber,
    signal?: AbortSignal,
  ): Promise<Answer<AppendAnswer>> {
    const headers = {
      "content-type": "application/x-ndjson",
      "producer-id": number.producerId,
      "producer-epoch": String(number.epoch),
      "producer-sequence": String(number.sequence),
    };
    const path = `${runPath(runId)}/events`;
    return this.#ask(path, { method: "POST", isRepeatable: true, headers, body, signal }, appendAnswerSchema);
  }

  /** Renews the lease of a run that has nothing to say. */
  heartbeat(runId: string, signal?: AbortSignal): Promise<Answer<{ control: ControlRequest[] }>> {
    const path = `${runPath(runId)}/heartbeat`;
    return this.#ask(path, { method: "POST", isRepeatable: true, signal }, heartbeatAnswerSchema);
  }

  /** Which version answers; needs no token. Another build of the same release has another `version`, too. */
  health(signal?: AbortSignal): Promise<Answer<Health>> {
    return this.#ask("/api/health", { signal }, healthSchema);
  }

  /** Uploads a file of the run, with its media type. One of any size takes what time it takes. */
  putArtifact(runId: string, name: string, content: Blob, signal?: AbortSignal): Promise<Answer<Artifact>> {
    const headers = { "content-type": content.type === "" ? "application/octet-stream" : content.type };
    const path = `${runPath(runId)}/artifacts/${encodeURIComponent(name)}`;
    return this.#ask(path, { method: "PUT", headers, body: content, signal, timeoutMs: null }, artifactSchema);
  }

  /** A file of the run as text: all of it, or no more than its first bytes. */
  readArtifact(
    runId: string,
    name: string,
    { firstBytes, signal }: { firstBytes?: number; signal?: AbortSignal } = {},
  ): Promise<Answer<string>> {
    const headers: Record<string, string> = { accept: "*/*" };
    if (firstBytes !== undefined) headers["range"] = `bytes=0-${firstBytes - 1}`;
    return this.#ask(`${runPath(runId)}/artifacts/${encodeURIComponent(name)}`, { headers, signal }, TEXT);
  }

  /** Has the server read the whole stored log again, however long that takes. */
  verifyRun(runId: string, signal?: AbortSignal): Promise<Answer<Proof>> {
    // As NDJSON it answers at once and says how far it is, so that nothing in between gives up on it.
    const headers = { accept: "application/x-ndjson" };
    const path = `${runPath(runId)}/verify`;
    return this.#ask(path, { method: "POST", isRepeatable: true, headers, signal, timeoutMs: null }, proofSchema);
  }

  /** Who this client is to the server. */
  whoAmI(signal?: AbortSignal): Promise<Answer<Principal>> {
    return this.#ask("/api/session", { signal }, principalSchema);
  }

  /** Ends the session of this page's cookie. */
  signOut(): Promise<Answer<undefined>> {
    return this.#ask("/api/session", { method: "DELETE" }, z.undefined());
  }

  async #ask<T>(path: string, init: Asked, schema: z.ZodType<T> | Shape<T>): Promise<Answer<T>> {
    const answer = await this.#exchange(path, init, schema);
    return answer.kind === "ok" ? { kind: "ok", value: answer.value.body } : answer;
  }

  #exchange<T>(path: string, init: Asked, shape: z.ZodType<T> | Shape<T>): Promise<Answer<Exchanged<T>>> {
    const { patienceMs = 0, onRetry } = this.#options;
    const ask = (attempt: number) => this.#askOnce(path, init, shape, attempt > 1);
    return askPatiently(ask, (problem) => mayRepeat(init, problem), { patienceMs, onRetry, signal: init.signal });
  }

  async #askOnce<T>(
    path: string,
    init: Asked,
    shape: z.ZodType<T> | Shape<T>,
    isRepeat: boolean,
  ): Promise<Answer<Exchanged<T>>> {
    const { url, token } = this.#options;
    const { timeoutMs = this.#options.timeoutMs ?? 30_000 } = init;
    const headers: Record<string, string> = { accept: "application/json", ...init.headers };
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    const timeout = timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)];
    const signal = AbortSignal.any(init.signal === undefined ? timeout : [...timeout, init.signal]);
    let response: Response;
    let text: string;
    try {
      response = await (this.#options.fetch ?? fetch)(new URL(path, url), { ...init, headers, signal });
      text = await response.text();
    } catch (cause) {
      return { kind: "problem", problem: unreachable(cause) };
    }
    // Of an answer in several lines the last is the answer.
    const isLines = response.headers.get("content-type")?.startsWith("application/x-ndjson") === true;
    const json = isLines ? (text.trimEnd().split("\n").at(-1) ?? "") : text;
    const body = parseJson(json);
    // What a deletion finds gone when it is asked for again, the one before has deleted, whose answer was lost.
    const isGone = isRepeat && init.method === "DELETE" && response.status === 404;
    if (!response.ok && !isGone) return { kind: "problem", problem: problemOf(response, body) };
    const value = isGone ? undefined : body;
    const parsed =
      "withText" in shape ? shape.schema.safeParse(shape.withText(value, json, text)) : shape.safeParse(value);
    if (parsed.success) return { kind: "ok", value: { body: parsed.data, headers: response.headers } };
    const detail = `the server's answer to ${path} does not fit the contract: ${parsed.error.issues[0]?.message ?? ""}`;
    return { kind: "problem", problem: { ...NO_PROBLEM, code: "UNREADABLE", status: response.status, detail } };
  }
}

type Asked = {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer> | Blob;
  signal?: AbortSignal | undefined;
  /** Null: as long as it takes. */
  timeoutMs?: number | null;
  /** A POST that does no more the second time: it has a key, a number, or changes nothing. */
  isRepeatable?: boolean;
};
type Exchanged<T> = { body: T; headers: Headers };

const REPEATABLE: ReadonlySet<string> = new Set(["GET", "PUT", "DELETE"]);

/** Whether a request without an answer was carried out nobody knows; one that came too often (429) was not, whatever it was. */
const mayRepeat = ({ method = "GET", isRepeatable = false }: Asked, { retry, status }: RunProblem): boolean =>
  retry && (isRepeatable || REPEATABLE.has(method) || status === 429);

/** An answer of which something is kept as the text it came as. */
type Shape<T> = { schema: z.ZodType<T>; withText: (value: unknown, json: string, text: string) => unknown };
const RUN: Shape<RunWithText> = { schema: runWithTextSchema, withText };
const RUN_LIST: Shape<RunListWithText> = { schema: runListWithTextSchema, withText: listWithText };

const TEXT: Shape<string> = { schema: z.string(), withText: (_value, _json, text) => text };

const runPath = (runId: string): string => `/api/runs/${encodeURIComponent(runId)}`;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Undefined fits no schema: the caller answers UNREADABLE.
    return undefined;
  }
}
