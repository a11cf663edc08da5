import type { ProducerSocket, ProducerSockets } from "../../core/ports.ts";

type Opened = { id: string; epoch: number; expiresAt: number | null };

/** One produce socket, open until it is closed or a test forgets it. */
export class FakeProducerSocket implements ProducerSocket {
  readonly state: Opened;
  readonly frames: string[] = [];
  closed: { code: number; reason: string } | null = null;
  /** When it was last heard. */
  heard: number;

  constructor(state: Opened, heard: number) {
    this.state = state;
    this.heard = heard;
  }

  heardAt(): number {
    return this.heard;
  }

  send(frame: string): void {
    this.frames.push(frame);
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }
}

/** Produce sockets that are open while a test says so. */
export class FakeProducerSockets implements ProducerSockets {
  #sockets: FakeProducerSocket[] = [];

  all(): readonly FakeProducerSocket[] {
    return this.#sockets.filter(({ closed }) => closed === null);
  }

  open(heardAt: number, state: Partial<Opened> = {}): FakeProducerSocket {
    const socket = new FakeProducerSocket({ id: "p", epoch: 0, expiresAt: null, ...state }, heardAt);
    this.#sockets.push(socket);
    return socket;
  }

  /** All of them go. Answers with when each was last heard. */
  cut(): number[] {
    return this.#sockets.splice(0).map(({ heard }) => heard);
  }
}
