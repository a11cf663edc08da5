import type { Watcher, Watchers } from "../../core/ports.ts";
import type { WatcherState } from "../../core/run/flow-control.ts";
import { Killed } from "./life.ts";

/** One line of an event, as the client got it. */
export type ReceivedLine = { sequence: number; type: string; text: string };

/** The client's end of a watcher socket. It counts exactly what it was sent and has not acknowledged. */
export class FakeClient {
  readonly lines: ReceivedLine[] = [];
  readonly control: Record<string, unknown>[] = [];
  /** Event frames, in bytes with their newlines. */
  readonly frameBytes: number[] = [];
  readonly frameLines: number[] = [];
  closed: { code: number; reason: string } | null = null;
  isReading = true;
  outstandingBytes = 0;
  #unacknowledged: { sequence: number; bytes: number }[] = [];
  #unread: string[] = [];

  /** Takes a frame off the wire; a client that does not read leaves it there. */
  take(frame: string): void {
    this.#count(frame);
    this.#unread.push(frame);
    if (this.isReading) this.read();
  }

  read(): void {
    for (const frame of this.#unread.splice(0)) {
      for (const line of frame.split("\n")) {
        const value: unknown = JSON.parse(line);
        if (typeof value !== "object" || value === null) throw new Error(`not an object: ${line}`);
        if ("op" in value) this.control.push({ ...value });
        else if ("sequence" in value && "type" in value)
          this.lines.push({ sequence: Number(value.sequence), type: String(value.type), text: `${line}\n` });
      }
    }
  }

  /** Counts the acknowledgement of everything up to `sequence`. */
  acknowledge(sequence: number): void {
    this.#unacknowledged = this.#unacknowledged.filter((line) => line.sequence > sequence);
    this.outstandingBytes = this.#unacknowledged.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  ops(): unknown[] {
    return this.control.map(({ op }) => op);
  }

  #count(frame: string): void {
    if (frame.startsWith('{"op"')) return;
    const lines = frame.split("\n");
    let frameBytes = 0;
    for (const line of lines) {
      const bytes = Buffer.byteLength(line) + 1;
      frameBytes += bytes;
      this.#unacknowledged.push({ sequence: Number(/^\{"sequence":(\d+)/.exec(line)?.[1]), bytes });
    }
    this.outstandingBytes += frameBytes;
    this.frameBytes.push(frameBytes);
    this.frameLines.push(lines.length);
  }
}

/** What a socket is while no object is in memory: its attachment, and the client at the other end. */
type Socket = { attachment: WatcherState; client: FakeClient };

class FakeWatcher implements Watcher {
  readonly state: WatcherState;
  readonly #socket: Socket;
  readonly #isAlive: () => boolean;
  readonly #onSend: () => void;

  constructor(socket: Socket, isAlive: () => boolean, onSend: () => void) {
    this.#socket = socket;
    this.#isAlive = isAlive;
    this.#onSend = onSend;
    this.state = structuredClone(socket.attachment);
  }

  keep(state: WatcherState): void {
    this.#live();
    this.#socket.attachment = structuredClone(state);
  }

  send(frame: string): void {
    this.#live();
    if (this.#socket.client.closed !== null) return;
    this.#socket.client.take(frame);
    this.#onSend();
  }

  close(code: number, reason: string): void {
    this.#live();
    this.#socket.client.closed ??= { code, reason };
  }

  #live(): void {
    if (!this.#isAlive()) throw new Killed("a watcher of an object that is gone");
  }
}

/** The sockets of one object. They outlive it; what it knew of them is in their attachments alone. */
export class FakeWatchers implements Watchers {
  #sockets: Socket[] = [];
  #known = new Map<Socket, FakeWatcher>();
  #generation = 0;
  /** Called after every send, with all clients that are connected. */
  onSend: (clients: readonly FakeClient[]) => void = () => {};

  all(): readonly Watcher[] {
    return this.#sockets.map((socket) => this.#of(socket));
  }

  accept(state: WatcherState): { watcher: Watcher; client: FakeClient } {
    const client = new FakeClient();
    const socket = { attachment: structuredClone(state), client };
    this.#sockets.push(socket);
    return { watcher: this.#of(socket), client };
  }

  /** The watcher behind a client, or null when its socket is gone. */
  of(client: FakeClient): Watcher | null {
    const socket = this.#sockets.find((each) => each.client === client);
    return socket === undefined ? null : this.#of(socket);
  }

  /** The socket is gone: the client left, or answered a close. */
  remove(client: FakeClient): void {
    this.#sockets = this.#sockets.filter((socket) => socket.client !== client);
  }

  clients(): readonly FakeClient[] {
    return this.#sockets.map(({ client }) => client);
  }

  /** The object leaves memory: its sockets stay, and nothing it held of them. */
  hibernate(): void {
    this.#generation += 1;
    this.#known = new Map();
  }

  #of(socket: Socket): FakeWatcher {
    const generation = this.#generation;
    let watcher = this.#known.get(socket);
    if (watcher === undefined) {
      watcher = new FakeWatcher(
        socket,
        () => generation === this.#generation,
        () => this.onSend(this.clients()),
      );
      this.#known.set(socket, watcher);
    }
    return watcher;
  }
}
