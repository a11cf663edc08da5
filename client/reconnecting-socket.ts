import { PING, PONG } from "../protocol/frames.ts";
import { FIRST_STATE, step } from "./connection-state.ts";
import type { ConnectionEvent, ConnectionState } from "./connection-state.ts";
import type { SocketLike } from "./web-socket.ts";

/** Spans a test may shorten; the defaults are what a server and the networks between are known to bear. */
export type WatchTiming = {
  /** Middle boxes cut what is silent for a minute; the server answers without waking. */
  pingEveryMs: number;
  /** Nothing at all within this time of a ping: the connection is dead, though no one said so. */
  pongWithinMs: number;
  /** From opening to the first frame. */
  helloWithinMs: number;
  firstRetryMs: number;
  maxRetryMs: number;
  /** A connection that was open for so long was a good one, though it brought nothing. */
  steadyAfterMs: number;
  /** What has been handled is acknowledged within this time, however little it is. */
  ackWithinMs: number;
  /** `view` may be sent once in this time. */
  viewEveryMs: number;
};
export const WATCH_TIMING: WatchTiming = {
  pingEveryMs: 25_000,
  pongWithinMs: 10_000,
  helloWithinMs: 20_000,
  firstRetryMs: 250,
  maxRetryMs: 15_000,
  steadyAfterMs: 5_000,
  ackWithinMs: 2_000,
  viewEveryMs: 1_000,
};

export type ReconnectingSocketOptions = {
  /** Asked anew for every connection, as the position has moved on. */
  connect: () => SocketLike;
  timing: WatchTiming;
  random: () => number;
  /** One frame, in order; the next one is held back until a returned promise has settled. A throw ends the watch. */
  onFrame: (text: string) => void | Promise<void>;
  onState: (state: ConnectionState) => void;
  /** The user's code threw: the watch cannot go on, as what it did not handle must not be passed over. */
  onFailure: (cause: unknown) => void;
};

type Arrival = { kind: "frame"; text: string } | Extract<ConnectionEvent, { kind: "closed" }>;
type Open = { socket: SocketLike; arrivals: Arrival[]; busy: boolean; heardAt: number; timers: Set<Timer> };
type Timer = ReturnType<typeof setTimeout>;

/**
 * The shell around `connection-state.ts`: opens sockets, keeps them alive, and passes frames on one after the other. A close takes its
 * turn behind the frames that came before it, so nothing that was received is lost or handled after a reconnect.
 */
export class ReconnectingSocket {
  readonly #options: ReconnectingSocketOptions;
  #state: ConnectionState = FIRST_STATE;
  #open: Open | null = null;
  #retryTimer: Timer | undefined;

  constructor(options: ReconnectingSocketOptions) {
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Opens the first connection. */
  start(): void {
    this.#options.onState(this.#state);
    // A listener may have stopped the watch.
    if (this.#state.kind === "connecting") this.#connect();
  }

  /** Sends if a connection is open; what a watcher says is advice, repeated by the next connection's own. */
  send(text: string): void {
    if (this.#open === null) return;
    try {
      this.#open.socket.send(text);
    } catch (cause) {
      // A browser's socket throws while it is still connecting or when it has just closed.
      this.dispatch({ kind: "broken", reason: `could not send: ${String(cause)}` });
    }
  }

  dispatch(event: ConnectionEvent): void {
    const { timing, random, onState } = this.#options;
    const before = this.#state;
    const { state, action } = step(before, event, {
      backoff: { firstMs: timing.firstRetryMs, maxMs: timing.maxRetryMs },
      random,
    });
    this.#state = state;
    if (event.kind === "closed") this.#forget();
    if (event.kind === "hello" && this.#open !== null) {
      this.#after(this.#open, timing.steadyAfterMs, () => this.dispatch({ kind: "steadied" }));
    }
    switch (action) {
      case "open":
        this.#connect();
        break;
      case "drop":
        this.#drop();
        break;
      case "wait":
        this.#wait();
        break;
      case "drop_and_wait":
        this.#drop();
        this.#wait();
        break;
      case undefined:
        break;
    }
    if (state !== before) onState(state);
  }

  /** Does not wait out the delay before the next connection: the network is known to be back. */
  retryNow(): void {
    if (this.#state.kind !== "waiting") return;
    clearTimeout(this.#retryTimer);
    this.dispatch({ kind: "retry" });
  }

  stop(): void {
    clearTimeout(this.#retryTimer);
    this.dispatch({ kind: "stop" });
  }

  #wait(): void {
    if (this.#state.kind !== "waiting") return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.dispatch({ kind: "retry" }), this.#state.delayMs);
  }

  #connect(): void {
    const { connect, timing } = this.#options;
    const socket = connect();
    const open: Open = { socket, arrivals: [], busy: false, heardAt: 0, timers: new Set() };
    this.#open = open;

    socket.addEventListener("message", ({ data }) => {
      open.heardAt = Date.now();
      if (data === PONG || this.#open !== open) return;
      if (typeof data === "string") this.#arrive(open, { kind: "frame", text: data });
      else this.dispatch({ kind: "broken", reason: "a frame was not text" });
    });
    socket.addEventListener("close", ({ code, reason, retryAfterMs = null }) =>
      this.#arrive(open, { kind: "closed", code, reason, retryAfterMs }),
    );
    // Every error is followed by a close, which carries what there is to know.
    socket.addEventListener("error", () => {});

    this.#after(open, timing.helloWithinMs, () => {
      if (open.heardAt === 0) this.#giveUp(open, "no answer");
    });
    this.#keepAlive(open);
  }

  #keepAlive(open: Open): void {
    const { pingEveryMs, pongWithinMs } = this.#options.timing;
    this.#after(open, pingEveryMs, () => {
      const pingedAt = Date.now();
      if (open.heardAt > 0) this.send(PING);
      this.#after(open, pongWithinMs, () => {
        if (open.heardAt > 0 && open.heardAt < pingedAt) this.#giveUp(open, "the connection went silent");
      });
      this.#keepAlive(open);
    });
  }

  #after(open: Open, ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      open.timers.delete(timer);
      if (this.#open === open) act();
    }, ms);
    open.timers.add(timer);
  }

  /** Behind what has been received already, like any close: those frames are good. */
  #giveUp(open: Open, reason: string): void {
    for (const timer of open.timers) clearTimeout(timer);
    open.socket.close();
    this.#arrive(open, { kind: "closed", code: 1006, reason });
  }

  #arrive(open: Open, arrival: Arrival): void {
    if (this.#open !== open) return;
    if (arrival.kind === "closed") for (const timer of open.timers) clearTimeout(timer);
    open.arrivals.push(arrival);
    if (!open.busy) this.#handle(open);
  }

  /** Runs without a pause while the frames are handled at once, and goes on where it was after one that took its time. */
  #handle(open: Open): void {
    open.busy = true;
    while (this.#open === open) {
      const arrival = open.arrivals.shift();
      if (arrival === undefined) break;
      if (arrival.kind === "closed") {
        this.dispatch(arrival);
        break;
      }
      try {
        const handled = this.#options.onFrame(arrival.text);
        if (handled === undefined) continue;
        handled.then(
          () => this.#handle(open),
          (cause: unknown) => this.#fail(cause),
        );
        return;
      } catch (cause) {
        this.#fail(cause);
      }
    }
    open.busy = false;
  }

  #fail(cause: unknown): void {
    this.#options.onFailure(cause);
    this.stop();
  }

  #forget(): void {
    if (this.#open === null) return;
    for (const timer of this.#open.timers) clearTimeout(timer);
    this.#open = null;
  }

  #drop(): void {
    const socket = this.#open?.socket;
    this.#forget();
    socket?.close(1000);
  }
}
