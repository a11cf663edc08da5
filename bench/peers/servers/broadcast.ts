import type { WebSocket } from "ws";

/** As in core/run/fan-out.ts; there the cost is modelled, because an object's clock stands still while it works. */
const GATHER_FACTOR = 3;

/** Sends to whoever is connected: each append at once, or gathered for three times what the last sending cost. */
export class Broadcast {
  readonly sockets = new Set<WebSocket>();
  readonly #gathers: boolean;
  #gathered: Buffer[] = [];
  #isGathering = false;

  constructor(gathers: boolean) {
    this.#gathers = gathers;
  }

  publish(body: Buffer): void {
    if (!this.#gathers) return this.#send(body);
    this.#gathered.push(body);
    if (!this.#isGathering) this.#flush();
  }

  #flush(): void {
    if (this.#gathered.length === 0) return;
    const frame = Buffer.concat(this.#gathered);
    this.#gathered = [];
    const begun = performance.now();
    this.#send(frame);
    this.#isGathering = true;
    setTimeout(
      () => {
        this.#isGathering = false;
        this.#flush();
      },
      GATHER_FACTOR * (performance.now() - begun),
    );
  }

  #send(frame: Buffer): void {
    for (const socket of this.sockets) socket.send(frame, { binary: false });
  }
}
