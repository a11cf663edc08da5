/**
 * The SDK: watch and produce runs, in a page and in Node alike. In Node a watch takes its socket from `node-web-socket.ts`, which a page must
 * not load.
 */
export { RuncastApi } from "./api.ts";
export type { Answer, ApiOptions, EventPage, ListRunsQuery, RunProblem } from "./api.ts";
export { events, WatchRefused } from "./events.ts";
export { RunProducer } from "./run-producer.ts";
export type {
  Delivery,
  ProducerEvent,
  ProducerState,
  ProducerTiming,
  RunEnding,
  RunProducerOptions,
} from "./run-producer.ts";
export { orThrow, RuncastError } from "./runcast-error.ts";
export { watchRun } from "./watch-run.ts";
export type {
  Connection,
  Hello,
  Presence,
  RunEnd,
  RunWatch,
  TransportName,
  WatchedLine,
  WatchOutcome,
  WatchRunOptions,
} from "./watch-run.ts";
export { watchWorkspace } from "./watch-workspace.ts";
export type { WatchWorkspaceOptions, WorkspaceWatch } from "./watch-workspace.ts";
