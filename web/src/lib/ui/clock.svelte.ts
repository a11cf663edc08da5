import { createSubscriber } from "svelte/reactivity";

const TICK_MS = 1_000;

/** The present, moving once a second for as long as something shows it. */
class Clock {
  readonly #subscribe = createSubscriber((update) => {
    const timer = setInterval(update, TICK_MS);
    return () => clearInterval(timer);
  });

  get now(): number {
    this.#subscribe();
    return Date.now();
  }
}

export const clock = new Clock();
