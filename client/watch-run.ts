import type { z } from "zod";
import type { RunStatus } from "../protocol/event.ts";
import { watcherFrameSchema } from "../protocol/frames.ts";
import type { presenceSchema, WatcherCommand } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import { isRecord, utf8Length } from "../protocol/ndjson.ts";
import { connectionOf } from "./connection-state.ts";
import type { Connection, RunEnd } from "./connection-state.ts";
import { readFrame } from "./frame.ts";
import type { WatchedLine } from "./frame.ts";
import { judgeDamage, judgeLine } from "./line-position.ts";
import type { LinePosition } from "./line-position.ts";
import { ReconnectingSocket, WATCH_TIMING } from "./reconnecting-socket.ts";
import type { WatchTiming } from "./reconnecting-socket.ts";
import { withResolvers } from "./with-resolvers.ts";
import { RunConnections } from "./run-connections.ts";
import type { TransportName } from "./transport.ts";
import type { SocketConstructor } from "./web-socket.ts";

export type { Connection, RunEnd, TransportName, WatchedLine };
export type Hello = { runId: string; status: RunStatus; lastSequence: number; watcherId: string };
export type Presence = Pick<z.infer<typeof presenceSchema>, "count" | "watchers">;

export type WatchRunOptions = {
  /** The server, as in `http://127.0.0.1:8787`; in a page `location.origin`. */
  url: string;
  runId: string;
  /** Only events after this one (default 0: all). */
  afterSequence?: number;
  /** Only these types; `console.*` is understood. */
  types?: readonly string[];
  /** Keeps the socket for presence after the run has ended. */
  stay?: boolean;
  /** For programs; a page is known by its session cookie. */
  token?: string;
  /** Stops the watch, as `stop()` does. */
  signal?: AbortSignal;
  /**
   * By what: "auto" (the default) is a WebSocket, and server-sent events where those do not come through. The events are the same, in the same
   * order; presence and `setView` exist by WebSocket only.
   */
  transport?: "auto" | TransportName;
  /** Default: the platform's, which cannot send a token: with one, and without this, a watch goes by server-sent events. */
  webSocket?: SocketConstructor;
  /** What server-sent events are asked for with; default: the platform's. */
  fetch?: typeof fetch;
  timing?: Partial<WatchTiming>;
  random?: () => number;
  /**
   * Every event after `afterSequence`, in order, each once, whatever happens to the connection. While a returned promise is pending
   * nothing more is delivered or acknowledged, so a slow watcher slows its own reading and loses nothing.
   */
  onLines: (lines: WatchedLine[]) => void | Promise<void>;
  onState?: (connection: Connection) => void;
  /** Once for every connection. */
  onHello?: (hello: Hello) => void;
  /** Once for every connection: what follows is live. */
  onCaughtUp?: (sequence: number) => void;
  onPresence?: (presence: Presence) => void;
  /** These lines of the stored log cannot be read. */
  onDamaged?: (range: { first: number; last: number }) => void;
  /** Once, after the last line. */
  onEnd?: (end: RunEnd) => void;
};

export type WatchOutcome =
  | ({ kind: "ended" } & RunEnd)
  | { kind: "refused"; code: number; reason: string }
  | { kind: "stopped" };

export interface RunWatch {
  readonly connection: Connection;
  /** By what the present connection was made, or is being made. */
  readonly transport: TransportName;
  /** The last sequence that was passed on: where another watch could go on. */
  readonly sequence: number;
  /** Settles when nothing more will come; with `stay` not before `stop()`. Rejects with what a callback threw. */
  readonly finished: Promise<WatchOutcome>;
  /** Tells the others where this watcher looks. Sent at most once a second, and again after a reconnect. */
  setView(first: number, last: number, follow: boolean): void;
  /** Reconnects without waiting out the delay, as when the page learns that the network is back. */
  retryNow(): void;
  stop(): void;
}

/** Watches one run: history, then live, across reconnects and server restarts, until it ends. */
export function watchRun(options: WatchRunOptions): RunWatch {
  const watch = new Watch(options);
  watch.start();
  return watch;
}

class Watch implements RunWatch {
  readonly finished: Promise<WatchOutcome>;
  readonly #options: WatchRunOptions;
  readonly #timing: WatchTiming;
  readonly #socket: ReconnectingSocket;
  readonly #position: LinePosition;
  readonly #settle: (outcome: WatchOutcome) => void;
  readonly #connections: RunConnections;
  #unacknowledgedBytes = 0;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #view: string | null = null;
  #viewTimer: ReturnType<typeof setTimeout> | undefined;
  #welcomed = false;
  #endSeen = false;

  constructor(options: WatchRunOptions) {
    this.#options = options;
    this.#timing = { ...WATCH_TIMING, ...options.timing };
    this.#position = { sequence: options.afterSequence ?? 0, filtered: options.types !== undefined };
    const { promise, resolve, reject } = withResolvers<WatchOutcome>();
    this.finished = promise;
    this.#settle = resolve;
    this.#connections = new RunConnections(options);
    this.#socket = new ReconnectingSocket({
      connect: () => this.#connections.open(this.#position.sequence),
      timing: this.#timing,
      random: options.random ?? Math.random,
      onFrame: (text) => this.#receive(text),
      onState: () => this.#changed(),
      onFailure: reject,
    });
  }

  get connection(): Connection {
    return connectionOf(this.#socket.state);
  }

  get transport(): TransportName {
    return this.#connections.transport;
  }

  get sequence(): number {
    return this.#position.sequence;
  }

  start(): void {
    const { signal } = this.#options;
    const stop = () => this.stop();
    signal?.addEventListener("abort", stop, { once: true });
    // One signal may outlive many watches, and would keep each of them.
    const forget = () => signal?.removeEventListener("abort", stop);
    this.finished.then(forget, forget);
    if (signal?.aborted === true) this.stop();
    else this.#socket.start();
  }

  stop(): void {
    this.#socket.stop();
  }

  retryNow(): void {
    this.#socket.retryNow();
  }

  setView(first: number, last: number, follow: boolean): void {
    const command: WatcherCommand = { op: "view", first, last, follow };
    this.#view = JSON.stringify(command);
    this.#sendView();
  }

  /** At once, and then what has changed meanwhile when the server's second is over. */
  #sendView(): void {
    if (this.#view === null || !this.#welcomed || this.#viewTimer !== undefined) return;
    const sent = this.#view;
    this.#socket.send(sent);
    this.#viewTimer = setTimeout(() => {
      this.#viewTimer = undefined;
      if (this.#view !== sent) this.#sendView();
    }, this.#timing.viewEveryMs);
  }

  #changed(): void {
    const { state } = this.#socket;
    if (state.kind !== "catching_up" && state.kind !== "live" && state.kind !== "staying") this.#forgetConnection();
    this.#options.onState?.(connectionOf(state));
    if (state.kind === "ended") this.#settle({ kind: "ended", ...state.end });
    if (state.kind === "refused") this.#settle(state);
    if (state.kind === "stopped") this.#settle(state);
  }

  /** What was said on one connection means nothing on the next. */
  #forgetConnection(): void {
    this.#welcomed = false;
    this.#unacknowledgedBytes = 0;
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#viewTimer);
    this.#ackTimer = undefined;
    this.#viewTimer = undefined;
  }

  #receive(frame: string): void | Promise<void> {
    this.#unacknowledgedBytes += utf8Length(frame);
    return forEachInOrder(
      readFrame(frame),
      // A gap inside a frame gives up the connection; what stands behind it is not to be trusted either.
      () => this.#socket.state.kind !== "waiting" && this.#socket.state.kind !== "stopped",
      (item) => {
        switch (item.kind) {
          case "lines":
            return this.#deliver(item.lines);
          case "control":
            return this.#control(item.value);
          case "unreadable":
            return this.#break(item.reason);
        }
      },
    );
  }

  /** Passes on what comes next, drops what came before, and goes no further than a gap. */
  #deliver(lines: WatchedLine[]): void | Promise<void> {
    const next: WatchedLine[] = [];
    let gap: string | null = null;
    for (const line of lines) {
      const verdict = judgeLine(this.#position, line.sequence);
      if (verdict.kind === "duplicate") continue;
      if (verdict.kind === "gap") {
        gap = `line ${line.sequence} came where ${verdict.expected} was due`;
        break;
      }
      this.#position.sequence = line.sequence;
      next.push(line);
    }
    const handled = () => {
      if (next.length > 0) this.#socket.dispatch({ kind: "progressed" });
      this.#acknowledge();
      if (gap !== null) this.#break(gap);
    };
    const pending = next.length > 0 ? this.#options.onLines(next) : undefined;
    return pending === undefined ? handled() : pending.then(handled);
  }

  #control(value: unknown): void {
    const { data: frame } = watcherFrameSchema.safeParse(value);
    // A newer server may say more than this client knows; what it knows, it must be able to read.
    if (frame === undefined) return isKnownFrame(value) ? this.#break("a control line could not be read") : undefined;
    switch (frame.op) {
      case "hello":
        this.#welcomed = true;
        this.#socket.dispatch({ kind: "hello", head: frame.last_sequence });
        this.#options.onHello?.({
          runId: frame.run_id,
          status: frame.status,
          lastSequence: frame.last_sequence,
          watcherId: frame.watcher_id,
        });
        this.#sendView();
        return;
      case "caught_up":
        // With `types` the head may lie far behind the last line that matched; without, only damage could lie between.
        if (this.#position.filtered) this.#position.sequence = Math.max(this.#position.sequence, frame.sequence);
        this.#socket.dispatch({ kind: "caught_up" });
        this.#options.onCaughtUp?.(frame.sequence);
        this.#sendAck();
        return;
      case "presence":
        this.#options.onPresence?.({ count: frame.count, watchers: frame.watchers });
        return;
      case "damaged":
        return this.#skipDamage(frame.first, frame.last);
      case "end":
        return this.#finish({
          status: frame.status,
          lastSequence: frame.last_sequence,
          sha256: frame.sha256 ?? null,
        });
    }
  }

  #skipDamage(first: number, last: number): void {
    const verdict = judgeDamage(this.#position, first, last);
    if (verdict.kind === "duplicate") return;
    if (verdict.kind === "gap") return this.#break(`damage at ${first} came where ${verdict.expected} was due`);
    this.#position.sequence = last;
    this.#options.onDamaged?.({ first, last });
  }

  #finish(end: RunEnd): void {
    const { filtered, sequence } = this.#position;
    // An end before the last line would be a gap at the end of the log.
    if (!filtered && sequence < end.lastSequence) {
      return this.#break(`the end came at ${sequence}, before line ${end.lastSequence}`);
    }
    this.#sendAck();
    if (!this.#endSeen) {
      this.#endSeen = true;
      this.#options.onEnd?.(end);
    }
    this.#socket.dispatch({ kind: "end", end, stay: this.#options.stay === true });
  }

  #break(reason: string): void {
    this.#socket.dispatch({ kind: "broken", reason });
  }

  #acknowledge(): void {
    if (this.#unacknowledgedBytes >= LIMITS.ackEveryBytes) this.#sendAck();
    else this.#ackTimer ??= setTimeout(() => this.#sendAck(), this.#timing.ackWithinMs);
  }

  #sendAck(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (!this.#welcomed || this.#position.sequence === 0) return;
    this.#unacknowledgedBytes = 0;
    const command: WatcherCommand = { op: "ack", sequence: this.#position.sequence };
    this.#socket.send(JSON.stringify(command));
  }
}

const KNOWN_OPS: ReadonlySet<unknown> = new Set(watcherFrameSchema.options.map((option) => option.shape.op.value));
const isKnownFrame = (value: unknown): boolean => isRecord(value) && KNOWN_OPS.has(value["op"]);

/** Stays synchronous as long as `take` does, so that a page that only stores lines pays for no promises. */
function forEachInOrder<T>(
  items: readonly T[],
  goOn: () => boolean,
  take: (item: T) => void | Promise<void>,
  from = 0,
): void | Promise<void> {
  for (let index = from; index < items.length && goOn(); index += 1) {
    const item = items[index];
    if (item === undefined) return;
    const pending = take(item);
    if (pending !== undefined) return pending.then(() => forEachInOrder(items, goOn, take, index + 1));
  }
}
