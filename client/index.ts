/**
 * The SDK: watch and produce runs, wherever there are fetch and streams. `node.ts` is the same with Node's sockets, which a page must not load.
 * docs/sdk.md shows how to use it; what each part can be relied on for stands at its declaration.
 */
export { RuncastApi } from "./api.ts";
export type { Answer, ApiOptions, EventPage, Health, ListRunsQuery, ProducerNumber, RunProblem } from "./api.ts";
export type { Run, Share } from "../protocol/api.ts";
export type { NewRun, RunWithText } from "./run-with-text.ts";
export type { RunEvent, RunStatus, TerminalStatus } from "../protocol/event.ts";
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
export type { BatchNumber, Outbox, OutgoingBatch } from "./outbox.ts";
export { orThrow, RuncastError } from "./runcast-error.ts";
export { ServerVersion } from "./server-version.ts";
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
