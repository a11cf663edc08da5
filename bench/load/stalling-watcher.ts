import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { PeerLog } from "../peers/peer.ts";

/** Is there and reads nothing until it is asked to; of Runcast it must then get every line, each once and in order. */
export class StallingWatcher {
  readonly #log: PeerLog;
  #socket: WebSocket | null = null;
  #last = 0;

  constructor(log: PeerLog) {
    this.#log = log;
  }

  async stall(): Promise<void> {
    const socket = await this.#connect();
    socket.pause();
  }

  /** Reads what its connection still has, and comes back after the last line it knows. */
  async readTo(sequence: number): Promise<void> {
    while (this.#last < sequence) {
      const socket = this.#socket?.readyState === WebSocket.OPEN ? this.#socket : await this.#connect();
      socket.resume();
      const closed = new Promise((resolve) => socket.once("close", resolve).once("error", resolve));
      while (this.#last < sequence && socket.readyState <= socket.OPEN) await Promise.race([closed, sleep(100)]);
      socket.terminate();
    }
  }

  leave(): void {
    this.#socket?.terminate();
  }

  async #connect(): Promise<WebSocket> {
    if (this.#log.socket === undefined) throw new Error("this log has no sockets");
    const socket = await this.#log.socket(this.#last, (frame, from) => {
      for (const [, sequence] of frame.toString().matchAll(/^\{"sequence":(\d+),/gm)) {
        this.#last += 1;
        if (Number(sequence) !== this.#last) throw new Error(`${this.#last} was due, but ${sequence} came`);
      }
      if (from.readyState === WebSocket.OPEN) from.send(`{"op":"ack","sequence":${this.#last}}`);
    });
    this.#socket = socket;
    return socket;
  }
}
