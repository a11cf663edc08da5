import type { Run } from "../protocol/api.ts";
import { PING, PONG, watcherCommandSchema } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import { isRecord, parseLine, utf8Length } from "../protocol/ndjson.ts";
import { RuncastApi } from "./api.ts";
import { CLOSE_ABNORMAL, closeCodeOf } from "./close-code.ts";
import { randomId } from "./random-id.ts";
import { SseParser } from "./sse-parser.ts";
import type { SseItem } from "./sse-parser.ts";
import { readRetryAfter } from "./run-problem.ts";
import type { SocketClose, SocketLike } from "./web-socket.ts";

export type SseSocketOptions = {
  url: string;
  runId: string;
  afterSequence: number;
  types: readonly string[] | undefined;
  stay: boolean;
  token: string | undefined;
  fetch: typeof fetch | undefined;
};

type Listeners = {
  open: Array<() => void>;
  message: Array<(event: { data: unknown }) => void>;
  close: Array<(event: SocketClose) => void>;
  error: Array<() => void>;
};

/** The server says something every 15 s. */
const SILENT_AFTER_MS = 30_000;
/** With `types` nobody says that history has been read; that nothing comes any more does. It only changes what is shown. */
const QUIET_MS = 1_000;

/**
 * A run's events as server-sent events, speaking `runcast.v1` to the watcher that uses it: hello, lines, caught_up, end, with the same window of
 * unacknowledged bytes. What a socket has besides, presence and `view`, is not there.
 */
export class SseSocket implements SocketLike {
  readonly #options: SseSocketOptions;
  readonly #abort = new AbortController();
  readonly #listeners: Listeners = { open: [], message: [], close: [], error: [] };
  readonly #parser = new SseParser();
  #sequence: number;
  #head = 0;
  #caughtUp = false;
  #ended = false;
  #closed = false;
  #heardAt = 0;
  #quietTimer: ReturnType<typeof setTimeout> | undefined;
  #outstanding: Array<{ sequence: number; bytes: number }> = [];
  #outstandingBytes = 0;
  #makeRoom: (() => void) | null = null;

  constructor(options: SseSocketOptions) {
    this.#options = options;
    this.#sequence = options.afterSequence;
    // As with any socket: whoever makes one listens before anything happens.
    queueMicrotask(() => {
      this.#run().catch((cause: unknown) =>
        this.#finish(CLOSE_ABNORMAL, cause instanceof Error ? cause.message : String(cause)),
      );
    });
  }

  send(text: string): void {
    if (text === PING) {
      if (this.#ended || Date.now() - this.#heardAt < SILENT_AFTER_MS) this.#emit(PONG);
      return;
    }
    const command = watcherCommandSchema.parse(JSON.parse(text));
    if (command.op !== "ack") return;
    while (this.#outstanding[0] !== undefined && this.#outstanding[0].sequence <= command.sequence) {
      this.#outstandingBytes -= this.#outstanding.shift()?.bytes ?? 0;
    }
    if (this.#outstandingBytes < LIMITS.watcherWindowBytes) this.#makeRoom?.();
  }

  close(code = 1000, reason = ""): void {
    this.#finish(code, reason);
  }

  addEventListener<K extends keyof Listeners>(type: K, listener: Listeners[K][number]): void {
    // The key and the listener belong together by the signature, which TypeScript cannot follow into the table.
    (this.#listeners[type] as Array<Listeners[K][number]>).push(listener);
  }

  async #run(): Promise<void> {
    const { url, runId, types, token, fetch: ask = fetch } = this.#options;
    const api = new RuncastApi({
      url,
      ...(token === undefined ? {} : { token }),
      fetch: ask,
    });
    const answer = await api.getRun(runId, this.#abort.signal);
    if (answer.kind === "problem") {
      const { status, detail, retryAfterMs } = answer.problem;
      return this.#finish(status === null ? CLOSE_ABNORMAL : closeCodeOf(status), detail, retryAfterMs);
    }
    const query = new URLSearchParams({ after_sequence: String(this.#sequence) });
    if (types !== undefined) query.set("types", types.join(","));
    const response = await ask(new URL(`/api/runs/${encodeURIComponent(runId)}/events?${query}`, url), {
      headers: {
        accept: "text/event-stream",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      cache: "no-store",
      signal: this.#abort.signal,
    });
    if (!response.ok || response.body === null) {
      const retryAfterMs = readRetryAfter(response.headers.get("retry-after"), Date.now());
      return this.#finish(closeCodeOf(response.status), `the server answered ${response.status}`, retryAfterMs);
    }
    this.#welcome(answer.value);
    await this.#read(response.body);
    if (!this.#ended) this.#finish(CLOSE_ABNORMAL, "the stream broke off");
    else if (!this.#options.stay) this.#finish(1000, "");
  }

  #welcome(run: Run): void {
    this.#heardAt = Date.now();
    this.#head = run.last_sequence;
    for (const listener of this.#listeners.open) listener();
    const { run_id, status, last_sequence } = run;
    this.#say({ op: "hello", run_id, status, last_sequence, watcher_id: randomId() });
    this.#judgeCaughtUp();
  }

  /** At the reader's pace: while too much is unacknowledged nothing is read, and the connection holds back the server. */
  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#closed) return;
      this.#heardAt = Date.now();
      this.#take(this.#parser.push(decoder.decode(value, { stream: true })));
      if (this.#outstandingBytes >= LIMITS.watcherWindowBytes) {
        await new Promise<void>((resolve) => (this.#makeRoom = resolve));
        this.#makeRoom = null;
      }
    }
  }

  #take(items: SseItem[]): void {
    let frame = "";
    const flush = () => {
      if (frame === "") return;
      const bytes = utf8Length(frame);
      this.#outstanding.push({ sequence: this.#sequence, bytes });
      this.#outstandingBytes += bytes;
      this.#emit(frame);
      frame = "";
    };
    for (const item of items) {
      if (item.kind === "message" && item.event === "message") {
        this.#sequence = parseLine(item.data)?.sequence ?? this.#sequence;
        frame += `${item.data}\n`;
        continue;
      }
      flush();
      if (item.kind === "comment") this.#hearComment(item.text);
      else if (item.event === "end") this.#end(item.data);
    }
    flush();
    this.#judgeCaughtUp();
  }

  #hearComment(text: string): void {
    const sequence = Number(/^damaged (\d+)$/.exec(text)?.[1] ?? Number.NaN);
    if (!Number.isInteger(sequence)) return;
    this.#sequence = sequence;
    this.#say({ op: "damaged", first: sequence, last: sequence });
  }

  #end(data: string): void {
    const value: unknown = JSON.parse(data);
    if (!this.#caughtUp) this.#sayCaughtUp();
    this.#ended = true;
    // Judged by the watcher, like every frame.
    this.#say({ ...(isRecord(value) ? value : {}), op: "end" });
  }

  #judgeCaughtUp(): void {
    clearTimeout(this.#quietTimer);
    if (this.#caughtUp || this.#closed) return;
    if (this.#sequence >= this.#head) this.#sayCaughtUp();
    else if (this.#options.types !== undefined) this.#quietTimer = setTimeout(() => this.#sayCaughtUp(), QUIET_MS);
  }

  /** The position is what was received, never the head: what lies between may still come. */
  #sayCaughtUp(): void {
    this.#caughtUp = true;
    this.#say({ op: "caught_up", sequence: this.#sequence });
  }

  #say(control: Record<string, unknown>): void {
    this.#emit(`${JSON.stringify(control)}\n`);
  }

  #emit(data: string): void {
    if (this.#closed) return;
    for (const listener of this.#listeners.message) listener({ data });
  }

  #finish(code: number, reason: string, retryAfterMs: number | null = null): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#quietTimer);
    this.#makeRoom?.();
    this.#abort.abort();
    for (const listener of this.#listeners.close) listener({ code, reason, retryAfterMs });
  }
}
