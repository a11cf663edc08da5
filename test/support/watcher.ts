import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Api } from "./api.ts";
import { sequenceOf } from "./api.ts";
import { heed } from "./heed-socket.ts";
import type { SocketTraffic } from "./socket-traffic.ts";
import { waitUntil } from "./wait-until.ts";

export type Control = { op: string; [field: string]: unknown };
export type Closing = { code: number; reason: string };

export type WatchOptions = {
  after?: number;
  query?: string;
  /** When what was received is acknowledged: at once, never, or this many milliseconds later. */
  ack?: "at once" | "never" | number;
  token?: string | null;
  /** A session's cookie, instead of a token. */
  cookie?: string;
  origin?: string;
  subprotocols?: string[];
  greetingMs?: number;
};

const LIVE = "runcast.v1";

/** How long a watcher that was cut off waits before it comes back, longer each time it was not greeted; and how long it waits for the greeting. */
export type Patience = { firstWaitMs: number; mostWaitMs: number; greetingMs: number };
const EAGER: Patience = { firstWaitMs: 30, mostWaitMs: 2_000, greetingMs: 5_000 };
/** As the client's own watchers have it. */
export const AS_THE_CLIENT: Patience = { firstWaitMs: 250, mostWaitMs: 15_000, greetingMs: 20_000 };

/** One `runcast.v1` socket and everything that came over it. */
export class Watcher {
  readonly lines: string[] = [];
  readonly controls: Control[] = [];
  readonly texts: string[] = [];
  /** Bytes of event lines with their newlines. */
  bytes = 0;
  largestFrameBytes = 0;
  closing: Closing | null = null;
  /** Resolves when the connection is over. */
  readonly over: Promise<void>;
  /** The answer of a server that did not switch protocols. */
  refusal: { status: number; code: string } | null = null;
  readonly socket: WebSocket;
  readonly #traffic: SocketTraffic;
  readonly #ack: NonNullable<WatchOptions["ack"]>;

  constructor(api: Api, runId: string, options: WatchOptions = {}) {
    const { after, query = "", ack = "at once", cookie, origin, subprotocols = [LIVE], greetingMs = 5_000 } = options;
    const token = options.token === undefined && cookie === undefined ? api.token : (options.token ?? null);
    this.#ack = ack;
    const position = after === undefined ? "" : `after_sequence=${after}&`;
    const url = `${api.url.replace("http", "ws")}/api/runs/${runId}/live?${position}${query}`;
    const connection = {
      perMessageDeflate: false,
      // The closing is what is looked at, not how soon after it the server lets go of the connection.
      closeTimeout: 1_000,
      handshakeTimeout: greetingMs,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(cookie === undefined ? {} : { cookie }),
      },
      ...(origin === undefined ? {} : { origin }),
    };
    this.socket = new WebSocket(url, subprotocols, connection);
    this.#traffic = heed(this.socket, ({ status, code }) => (this.refusal = { status, code }));
    this.socket.on("message", (data: Buffer) => this.#take(data.toString()));
    this.over = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => {
        this.closing ??= { code, reason: reason.toString() };
        resolve();
      });
    });
  }

  get last(): number {
    return this.lines.length === 0 ? 0 : sequenceOf(this.lines.at(-1) ?? "");
  }

  control(op: string): Control | undefined {
    return this.controls.find((control) => control.op === op);
  }

  send(frame: string | object): void {
    const text = typeof frame === "string" ? frame : JSON.stringify(frame);
    this.#traffic.tries(text);
    this.socket.send(text);
  }

  ack(sequence: number): void {
    if (this.socket.readyState === WebSocket.OPEN) this.send({ op: "ack", sequence });
  }

  async closed(timeoutMs = 20_000): Promise<Closing> {
    await waitUntil("the socket is closed", () => this.closing !== null, { timeoutMs, everyMs: 5 });
    return this.closing ?? { code: 0, reason: "" };
  }

  async got(op: string, timeoutMs = 20_000): Promise<Control> {
    await waitUntil(`a frame ${op} comes`, () => this.control(op) !== undefined || this.closing !== null, {
      timeoutMs,
      everyMs: 5,
    });
    const control = this.control(op);
    if (control === undefined) throw new Error(`closed ${JSON.stringify(this.closing)} without ${op}`);
    return control;
  }

  /** Cuts the connection, as a lost network does. */
  cut(): void {
    this.socket.terminate();
  }

  #take(text: string): void {
    this.texts.push(text.length > 200 ? text.slice(0, 200) : text);
    if (!text.startsWith("{")) return;
    const lines = text.split("\n");
    const events = lines.filter((line) => line.startsWith('{"sequence":'));
    for (const line of lines) {
      if (line.startsWith('{"sequence":')) this.lines.push(line);
      else this.controls.push(JSON.parse(line));
    }
    if (events.length === 0) return;
    const bytes = Buffer.byteLength(text) + 1;
    this.bytes += bytes;
    this.largestFrameBytes = Math.max(this.largestFrameBytes, bytes - 1);
    const last = this.last;
    if (this.#ack === "at once") this.ack(last);
    else if (this.#ack !== "never") setTimeout(() => this.ack(last), this.#ack);
  }
}

/** Watches a run to its end across any number of cut connections, and keeps what it was told as the contract says: each line once. */
export class FollowingWatcher {
  readonly lines: string[] = [];
  end: Control | null = null;
  /** What broke the promise: a line again, one left out, or another order. */
  fault: string | null = null;
  connections = 0;
  /** The sequence after which it began. */
  readonly after: number;
  #current: Watcher | null = null;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(api: Api, runId: string, options: Pick<WatchOptions, "ack" | "after"> & { patience?: Patience } = {}) {
    this.after = options.after ?? 0;
    this.#done = this.#follow(api, runId, options.ack ?? "at once", options.patience ?? EAGER);
  }

  /** Resolves when the run has ended for this watcher. */
  async ended(timeoutMs = 60_000): Promise<void> {
    await waitUntil("the watcher sees the end", () => this.end !== null || this.fault !== null, { timeoutMs });
    if (this.fault !== null) throw new Error(this.fault);
    await this.#done;
  }

  /** Lines that have come so far. */
  get received(): number {
    return this.lines.length + (this.#current?.lines.length ?? 0);
  }

  /** Cuts the connection; it comes back by itself. */
  cut(): void {
    this.#current?.cut();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.cut();
    await this.#done;
  }

  async #follow(
    api: Api,
    runId: string,
    ack: NonNullable<WatchOptions["ack"]>,
    { firstWaitMs, mostWaitMs, greetingMs }: Patience,
  ): Promise<void> {
    let waitMs = firstWaitMs;
    while (this.end === null && this.fault === null && !this.#stopped) {
      const watcher = new Watcher(api, runId, { after: this.after + this.lines.length, ack, greetingMs });
      this.#current = watcher;
      this.connections += 1;
      await watcher.over;
      for (const line of watcher.lines) {
        const expected = this.after + this.lines.length + 1;
        if (sequenceOf(line) !== expected) this.fault ??= `${expected} was due, but ${line.slice(0, 80)} came`;
        this.lines.push(line);
      }
      this.#current = null;
      this.end = watcher.control("end") ?? null;
      // A server that is starting again refuses connections for a moment; a thousand that come back at once must not keep it from answering any.
      waitMs = watcher.texts.length > 0 ? firstWaitMs : Math.min(2 * waitMs, mostWaitMs);
      if (this.end === null) await sleep(waitMs * (0.5 + Math.random() / 2));
    }
  }
}
