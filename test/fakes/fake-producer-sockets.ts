import type { ProducerSockets } from "../../core/ports.ts";

/** Produce sockets that are open while a test says so. */
export class FakeProducerSockets implements ProducerSockets {
  readonly frames: string[] = [];
  /** When each open socket was last heard. */
  heardAts: number[] = [];

  any(): boolean {
    return this.heardAts.length > 0;
  }

  lastHeardAt(): number | null {
    return this.any() ? Math.max(...this.heardAts) : null;
  }

  sendAll(frame: string): void {
    for (const _socket of this.heardAts) this.frames.push(frame);
  }
}
