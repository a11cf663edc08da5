import type { RunProblem } from "./run-problem.ts";

export type ProducerState =
  | { kind: "delivering" }
  /** Nothing is lost meanwhile: the batch is sent again, byte for byte. */
  | { kind: "retrying"; attempt: number; retryInMs: number; problem: RunProblem }
  | Delivery;
/** What became of everything that was written. */
export type Delivery =
  | { kind: "stored"; lastSequence: number }
  /** The server will not take it, and asking again changes nothing. */
  | { kind: "refused"; problem: RunProblem; undelivered: number }
  | { kind: "stopped"; undelivered: number };

export type ProducerTiming = {
  /** Between two batches, unless one is full. The first line never waits. */
  gatherMs: number;
  /** After this long with nothing to send, a heartbeat keeps the lease and asks for control requests. */
  heartbeatMs: number;
  firstRetryMs: number;
  maxRetryMs: number;
};
