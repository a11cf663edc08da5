import type { ProducerSocket, ProducerSockets } from "../core/ports.ts";

/** Who appends over a socket, until when, and when an append was last heard on it. Pings are counted by the runtime. */
export type ProducerAttachment = {
  id: string;
  epoch: number;
  workspaceId: string;
  heardAt: number;
  expiresAt: number | null;
};

/** A produce socket, its state in its attachment. */
export class HibernatingProducer implements ProducerSocket {
  readonly #ctx: DurableObjectState;
  readonly #socket: WebSocket;

  constructor(ctx: DurableObjectState, socket: WebSocket) {
    this.#ctx = ctx;
    this.#socket = socket;
  }

  /** Written by `accept` and `heard` below, from the same type. */
  get state(): ProducerAttachment {
    return this.#socket.deserializeAttachment() as ProducerAttachment;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Also of one that is closing. */
  heardAt(): number {
    const pingedAt = this.#ctx.getWebSocketAutoResponseTimestamp(this.#socket)?.getTime() ?? 0;
    return Math.max(this.state.heardAt, pingedAt);
  }

  heard(at: number): void {
    this.#socket.serializeAttachment({ ...this.state, heardAt: at });
  }

  send(frame: string): void {
    if (this.isOpen) this.#socket.send(frame);
  }

  close(code: number, reason: string): void {
    if (this.isOpen) this.#socket.close(code, reason);
  }
}

/** The open produce sockets of one object. */
export class HibernatingProducers implements ProducerSockets {
  static readonly TAG = "producer";
  readonly #ctx: DurableObjectState;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  all(): readonly HibernatingProducer[] {
    return this.#ctx
      .getWebSockets(HibernatingProducers.TAG)
      .filter((socket) => socket.readyState === WebSocket.OPEN)
      .map((socket) => new HibernatingProducer(this.#ctx, socket));
  }

  accept(socket: WebSocket, producer: ProducerAttachment): HibernatingProducer {
    this.#ctx.acceptWebSocket(socket, [HibernatingProducers.TAG]);
    socket.serializeAttachment(producer);
    return new HibernatingProducer(this.#ctx, socket);
  }

  /** The producer behind a socket, or null when it is another kind of socket. */
  find(socket: WebSocket): HibernatingProducer | null {
    return this.#ctx.getTags(socket).includes(HibernatingProducers.TAG)
      ? new HibernatingProducer(this.#ctx, socket)
      : null;
  }
}
