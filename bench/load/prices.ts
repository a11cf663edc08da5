import type { Billed } from "./billed.ts";

/**
 * Dollars, as Cloudflare's price pages had them in November 2026 (Workers Paid, nothing included): Workers, Durable Objects with SQLite, R2, D1.
 * https://developers.cloudflare.com/workers/platform/pricing/ · /durable-objects/platform/pricing/ · /r2/pricing/ · /d1/platform/pricing/
 */
const MILLION = 1e6;

const PRICES: Readonly<Record<keyof Billed, number>> = {
  workerRequests: 0.3 / MILLION,
  objectRequests: 0.15 / MILLION,
  rowsWritten: 1 / MILLION,
  rowsRead: 0.001 / MILLION,
  r2Writes: 4.5 / MILLION,
  r2Reads: 0.36 / MILLION,
  d1RowsWritten: 1 / MILLION,
  d1RowsRead: 0.001 / MILLION,
};

const WORKER_CPU_MS = 0.02 / MILLION;
/** An object that is active is billed as 128 MB. */
const OBJECT_SECOND = (12.5 / MILLION) * 0.128;
const STORED_GB_MONTH = { sqlite: 0.2, r2: 0.015 };

export type Bill = Readonly<Record<"requests" | "rows" | "r2" | "processor" | "duration", number>>;

/** `serverSeconds` is the processor time of the whole runtime, storage included: more than a Worker would be billed. */
export function billOf(counts: Billed, serverSeconds: number, activeSeconds: number): Bill {
  const of = (name: keyof Billed): number => counts[name] * PRICES[name];
  return {
    requests: of("workerRequests") + of("objectRequests"),
    rows: of("rowsWritten") + of("rowsRead") + of("d1RowsWritten") + of("d1RowsRead"),
    r2: of("r2Writes") + of("r2Reads"),
    processor: serverSeconds * 1_000 * WORKER_CPU_MS,
    duration: activeSeconds * OBJECT_SECOND,
  };
}

export const totalOf = (bill: Bill): number => Object.values(bill).reduce((sum, part) => sum + part, 0);

/** A month of so many bytes, where they lie. */
export const storedMonth = (bytes: number, where: keyof typeof STORED_GB_MONTH): number =>
  (bytes / 1e9) * STORED_GB_MONTH[where];
