import type { ProducerSockets } from "../core/ports.ts";

/** Who appends over a socket, and when an append was last heard on it. Pings are counted by the runtime. */
export type ProducerAttachment = { id: string; epoch: number; workspaceId: string; heardAt: number };

/** The open produce sockets of one object. */
export class HibernatingProducers implements ProducerSockets {
  static readonly TAG = "producer";
  readonly #ctx: DurableObjectState;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  any(): boolean {
    return this.#sockets().length > 0;
  }

  lastHeardAt(): number | null {
    let last: number | null = null;
    for (const socket of this.#sockets()) last = Math.max(last ?? 0, this.heardAt(socket));
    return last;
  }

  /** When a socket was last heard, append or ping; also of one that is closing. */
  heardAt(socket: WebSocket): number {
    const pingedAt = this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
    return Math.max(this.read(socket).heardAt, pingedAt);
  }

  sendAll(frame: string): void {
    for (const socket of this.#sockets()) socket.send(frame);
  }

  accept(socket: WebSocket, producer: ProducerAttachment): void {
    this.#ctx.acceptWebSocket(socket, [HibernatingProducers.TAG]);
    this.keep(socket, producer);
  }

  keep(socket: WebSocket, producer: ProducerAttachment): void {
    socket.serializeAttachment(producer);
  }

  /** Written by `keep` above, from the same type. */
  read(socket: WebSocket): ProducerAttachment {
    return socket.deserializeAttachment() as ProducerAttachment;
  }

  is(socket: WebSocket): boolean {
    return this.#ctx.getTags(socket).includes(HibernatingProducers.TAG);
  }

  #sockets(): WebSocket[] {
    return this.#ctx.getWebSockets(HibernatingProducers.TAG).filter((socket) => socket.readyState === WebSocket.OPEN);
  }
}
