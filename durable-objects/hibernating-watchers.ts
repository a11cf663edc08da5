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

/**
 * The open watcher sockets of one object. The runtime is asked for them once, when the object wakes, and each is read from its attachment once: thousands
 * may come and go.
 */
export class HibernatingWatchers implements Watchers {
  static readonly TAG = "watcher";
  readonly #ctx: DurableObjectState;
  #watcherBySocket: Map<WebSocket, HibernatingWatcher> | null = null;
  #listed: HibernatingWatcher[] | null = null;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  all(): readonly Watcher[] {
    this.#listed ??= [...this.#open().values()];
    return this.#listed;
  }

  accept(socket: WebSocket, state: WatcherState): Watcher {
    this.#ctx.acceptWebSocket(socket, [HibernatingWatchers.TAG]);
    socket.serializeAttachment(state);
    const watcher = this.#of(socket);
    this.#open().set(socket, watcher);
    this.#listed = null;
    return watcher;
  }

  /** The watcher behind a socket, also of one that is closing; null when it is another kind of socket. */
  find(socket: WebSocket): Watcher | null {
    const known = this.#open().get(socket);
    if (known !== undefined) return known;
    return this.#ctx.getTags(socket).includes(HibernatingWatchers.TAG) ? this.#of(socket) : null;
  }

  forget(socket: WebSocket): void {
    this.#open().delete(socket);
    this.#listed = null;
  }

  #open(): Map<WebSocket, HibernatingWatcher> {
    this.#watcherBySocket ??= new Map(
      this.#ctx
        .getWebSockets(HibernatingWatchers.TAG)
        // The runtime lists a socket until its closing is over, which a client that reads no more can put off for ever.
        .filter((socket) => socket.readyState === WebSocket.OPEN)
        .map((socket) => [socket, this.#of(socket)]),
    );
    return this.#watcherBySocket;
  }

  #of(socket: WebSocket): HibernatingWatcher {
    return new HibernatingWatcher(socket, () => this.forget(socket));
  }
}
