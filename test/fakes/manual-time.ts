import type { Alarm, Clock, Timer } from "../../core/ports.ts";

/** Stands still until a test moves it. */
export class ManualClock implements Clock {
  ms = Date.parse("2026-11-21T02:30:00.000Z");
  #ids = 0;

  now(): number {
    return this.ms;
  }

  newId(): string {
    this.#ids += 1;
    return `00000000-0000-7000-8000-${String(this.#ids).padStart(12, "0")}`;
  }
}

/** Calls nothing by itself: a test takes what is due. */
export class ManualTimer implements Timer {
  readonly #clock: Clock;
  #waiting: { at: number; run: () => void }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  after(delayMs: number, run: () => void): () => void {
    const waiting = { at: this.#clock.now() + delayMs, run };
    this.#waiting.push(waiting);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
    };
  }

  nextAt(): number | null {
    return this.#waiting.length === 0 ? null : Math.min(...this.#waiting.map(({ at }) => at));
  }

  /** Calls everything that is due now, oldest first. */
  fire(): void {
    const now = this.#clock.now();
    const due = this.#waiting.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    this.#waiting = this.#waiting.filter(({ at }) => at > now);
    for (const { run } of due) run();
  }

  /** What an eviction does. */
  forget(): void {
    this.#waiting = [];
  }
}

/** The one durable deadline; it outlives the object. */
export class ManualAlarm implements Alarm {
  at: number | null = null;
  /** How often it was moved: each time costs a row. */
  sets = 0;

  set(at: number | null): void {
    this.at = at;
    this.sets += 1;
  }
}
