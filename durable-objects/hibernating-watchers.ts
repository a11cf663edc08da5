import type { Watcher, Watchers } from "../core/ports.ts";
import type { WatcherState } from "../core/run/flow-control.ts";

/** A socket whose state lives in its attachment, so that it is still there after hibernation. */
class HibernatingWatcher implements Watcher {
  readonly state: WatcherState;
  readonly #socket: WebSocket;
  readonly #closed: () => void;

  constructor(socket: WebSocket, closed: () => void) {
    this.#socket = socket;
    this.#closed = closed;
    // Written by `keep` below and by `accept`, from the same type.
    this.state = socket.deserializeAttachment() as WatcherState;
  }

  keep(state: WatcherState): void {
    this.#socket.serializeAttachment(state);
  }

  send(frame: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame);
  }

  close(code: number, reason: string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.close(code, reason);
    this.#closed();
  }
}

/** The open watcher sockets of one object. A socket is read from its attachment once, then kept. */
export class HibernatingWatchers implements Watchers {
  static readonly TAG = "watcher";
  readonly #ctx: DurableObjectState;
  readonly #known = new Map<WebSocket, HibernatingWatcher>();
  #listed: HibernatingWatcher[] | null = null;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  all(): readonly Watcher[] {
    // The runtime lists a socket until its closing is over, which a client that reads no more can put off for ever.
    this.#listed ??= this.#ctx
      .getWebSockets(HibernatingWatchers.TAG)
      .filter((socket) => socket.readyState === WebSocket.OPEN)
      .map((socket) => this.#of(socket));
    return this.#listed;
  }

  accept(socket: WebSocket, state: WatcherState): Watcher {
    this.#ctx.acceptWebSocket(socket, [HibernatingWatchers.TAG]);
    socket.serializeAttachment(state);
    this.#listed = null;
    return this.#of(socket);
  }

  /** The watcher behind a socket, or null when it is another kind of socket. */
  find(socket: WebSocket): Watcher | null {
    return this.#ctx.getTags(socket).includes(HibernatingWatchers.TAG) ? this.#of(socket) : null;
  }

  forget(socket: WebSocket): void {
    this.#known.delete(socket);
    this.#listed = null;
  }

  #of(socket: WebSocket): HibernatingWatcher {
    let watcher = this.#known.get(socket);
    if (watcher === undefined) {
      watcher = new HibernatingWatcher(socket, () => {
        this.#listed = null;
      });
      this.#known.set(socket, watcher);
    }
    return watcher;
  }
}
