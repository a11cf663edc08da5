import { Contract } from "./contract.ts";
import { meet } from "./met.ts";
import type { AppendAnswer, CreateRun, Problem, Run } from "../../protocol/api.ts";

/** An answer, read to its end. */
export type Answer = { status: number; headers: Headers; text: string; json<Body = Problem>(): Body };

export type Bytes = Uint8Array<ArrayBuffer>;
export type Ask = {
  body?: string | Bytes | object;
  headers?: Record<string, string>;
  token?: string | null;
  timeoutMs?: number;
};

/** What a producer sends: anything at all, this being a test. */
export type SentEvent = { type: string; payload?: unknown; [field: string]: unknown };

const contracts = new Map<string, Promise<Contract>>();

/** The contract that a server publishes, asked for once. */
export function contractOf(url: string, signal?: AbortSignal): Promise<Contract> {
  const known = contracts.get(url) ?? loadContract(url, signal);
  contracts.set(url, known);
  // A server that could not be asked may be there next time.
  known.catch(() => contracts.delete(url));
  return known;
}

async function loadContract(url: string, signal: AbortSignal | undefined): Promise<Contract> {
  const [openapi, asyncapi] = await Promise.all(
    ["openapi", "asyncapi"].map(async (name) => {
      const answer = await fetch(`${url}/api/${name}.json`, { ...(signal && { signal }) });
      return answer.json();
    }),
  );
  return new Contract(openapi, asyncapi, meet);
}

/** The HTTP API as a program sees it: nothing is retried, corrected or hidden, and every answer is held against the contract. */
export class Api {
  readonly url: string;
  readonly token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  /** The same server, as somebody else. */
  as(token: string): Api {
    return new Api(this.url, token);
  }

  async ask(
    method: string,
    path: string,
    { body, headers = {}, token = this.token, timeoutMs = 100_000 }: Ask = {},
  ): Promise<Answer> {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const isJson = bytes !== undefined && !isBytes(bytes);
    const signal = AbortSignal.timeout(timeoutMs);
    const contract = await contractOf(this.url, signal);
    const response = await fetch(this.url + path, {
      method,
      signal,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(isJson ? { "content-type": "application/json" } : {}),
        ...headers,
      },
      // Bytes, because a text would bring a content type of its own.
      ...(bytes === undefined ? {} : { body: isBytes(bytes) ? bytes : JSON.stringify(bytes) }),
    });
    const text = await response.text();
    const fault = contract.faultOf({ method, path, status: response.status, headers: response.headers, text });
    if (fault !== null) throw new Error(fault);
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
  }

  async createRun(body: CreateRun = {}): Promise<Run> {
    return expectStatus(await this.ask("POST", "/api/workspaces/default/runs", { body }), 202).json<Run>();
  }

  async run(runId: string): Promise<Run> {
    return expectStatus(await this.ask("GET", `/api/runs/${runId}`), 200).json<Run>();
  }

  /** Whatever comes back. NDJSON unless the headers say otherwise. */
  append(
    runId: string,
    body: string | Bytes,
    headers: Record<string, string> = {},
    timeoutMs?: number,
  ): Promise<Answer> {
    return this.ask("POST", `/api/runs/${runId}/events`, {
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      body,
      headers: { "content-type": "application/x-ndjson", ...headers },
    });
  }

  /** Events that must be taken. */
  async add(runId: string, events: SentEvent[], headers: Record<string, string> = {}): Promise<AppendAnswer> {
    return expectStatus(await this.append(runId, ndjson(events), headers), 200).json<AppendAnswer>();
  }

  /** Ends the run; answers when that is durable. */
  complete(runId: string, status: "succeeded" | "failed" | "cancelled" = "succeeded"): Promise<AppendAnswer> {
    return this.add(runId, [{ type: "run.completed", payload: { status } }]);
  }

  /** `query` without its question mark. */
  read(runId: string, query = "", headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask("GET", `/api/runs/${runId}/events?${query}`, { headers });
  }

  /** The log's lines as NDJSON gives them. */
  async lines(runId: string, query = ""): Promise<string[]> {
    return linesOf(expectStatus(await this.read(runId, query), 200).text);
  }
}

const isBytes = (body: object): body is Bytes => body instanceof Uint8Array;

export function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status !== status)
    throw new Error(`${answer.status} instead of ${status}: ${answer.text.slice(0, 2_000)}`);
  return answer;
}

export const consoleLine = (message: string): SentEvent => ({
  type: "console.line",
  payload: { stream: "stdout", message },
});

export const ndjson = (events: SentEvent[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join("");

/** Whole lines only: a log that ends in half a line is not one. */
export function linesOf(text: string): string[] {
  if (text === "") return [];
  if (!text.endsWith("\n")) throw new Error(`the last line is cut: …${text.slice(-80)}`);
  return text.slice(0, -1).split("\n");
}

export const sequenceOf = (line: string): number => Number(/^\{"sequence":(\d+),/.exec(line)?.[1] ?? Number.NaN);

export const messageOf = (line: string): string => JSON.parse(line).payload.message;
