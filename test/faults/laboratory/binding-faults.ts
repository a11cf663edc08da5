import { Random } from "./random.ts";

/** How often a call to a binding goes wrong, each from 0 to 1, and in which way. */
export type FaultRates = {
  /** It throws and nothing was done. */
  fail: number;
  /** It takes two seconds, and then works. */
  hang: number;
  /** It was done, and throws all the same. */
  failAfter: number;
};

export type FaultSettings = { seed: number; r2: FaultRates; d1: FaultRates; clockOffsetMs: number };

export const NO_FAULTS: FaultRates = { fail: 0, hang: 0, failAfter: 0 };

/** What went wrong so far, by what it was: for the report. */
export type FaultCounts = { r2: FaultRates; d1: FaultRates };

const HANG_MS = 2_000;

/** One binding whose calls may go wrong. What it throws is what the platform throws, because the product looks at it. */
export class FaultyCalls {
  readonly counts: FaultRates = { ...NO_FAULTS };
  rates: FaultRates = NO_FAULTS;
  random = new Random(1);
  readonly #error: (call: string) => Error;

  constructor(error: (call: string) => Error) {
    this.#error = error;
  }

  async make<Result>(name: string, call: () => Promise<Result>): Promise<Result> {
    const at = this.random.fraction();
    const { fail, hang, failAfter } = this.rates;
    if (at < fail) {
      this.counts.fail += 1;
      throw this.#error(name);
    }
    if (at < fail + hang) {
      this.counts.hang += 1;
      await new Promise((resolve) => setTimeout(resolve, HANG_MS));
      return call();
    }
    const result = await call();
    if (at >= fail + hang + failAfter) return result;
    this.counts.failAfter += 1;
    throw this.#error(name);
  }
}
