export type GatherPorts = {
  /** Epoch milliseconds. */
  now(): number;
  after(delayMs: number, run: () => void): void;
  send(runId: string): void;
};

/**
 * When to tell of a run: a change of its state at once, its progress at most once an interval, and the last of it always. What is gathered is only
 * that something moved; `send` reads how the run then stands.
 */
export class GatheredChanges {
  readonly #intervalMs: number;
  readonly #ports: GatherPorts;
  readonly #sentAtByRun = new Map<string, number>();
  readonly #waiting = new Set<string>();

  constructor(intervalMs: number, ports: GatherPorts) {
    this.#intervalMs = intervalMs;
    this.#ports = ports;
  }

  changed(runId: string): void {
    this.#send(runId);
  }

  progressed(runId: string): void {
    if (this.#waiting.has(runId)) return;
    const sentAt = this.#sentAtByRun.get(runId) ?? -Infinity;
    const waitMs = sentAt + this.#intervalMs - this.#ports.now();
    if (waitMs <= 0) {
      this.#send(runId);
      return;
    }
    this.#waiting.add(runId);
    this.#ports.after(waitMs, () => {
      // A change in between has told of it already, or the run has ended.
      if (this.#waiting.has(runId)) this.#send(runId);
    });
  }

  /** The run has ended or is gone. */
  forget(runId: string): void {
    this.#waiting.delete(runId);
    this.#sentAtByRun.delete(runId);
  }

  #send(runId: string): void {
    this.#waiting.delete(runId);
    this.#sentAtByRun.set(runId, this.#ports.now());
    this.#ports.send(runId);
  }
}
