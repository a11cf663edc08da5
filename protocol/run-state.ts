import type { ControlRequest } from "./control.ts";
import type { RunEvent } from "./event.ts";
import { LIMITS } from "./limits.ts";
import { foldLifecycle, newLifecycle, type Lifecycle } from "./lifecycle.ts";
import { isRecord } from "./ndjson.ts";
import { integerOr, recordOrEmpty, textOr } from "./lenient.ts";

export type LogPart = "archive" | "index";

/**
 * What a run is, as far as its log says: plain JSON, so it can be stored between two batches and sent as it is. Its parameters are in `run.queued` alone: a
 * parse that is fit for a fold may not keep their digits.
 */
export type RunState = Lifecycle & {
  name: string | null;
  workflow_id: string | null;
  workflow_version: string | null;
  labels: Record<string, string>;
  queued_by: string | null;
  lease_seconds: number | null;
  last_sequence: number;
  /** Bytes of all lines, each with its newline. */
  event_bytes: number;
  /** Requests to the producer that nobody has acknowledged, oldest first. */
  control: ControlRequest[];
  producer_lost: boolean;
  /** What of the log cannot be kept up with at present. */
  degraded: LogPart[];
  events_path: string | null;
  output_paths: string[];
};

export function newRunState(): RunState {
  return {
    ...newLifecycle(),
    name: null,
    workflow_id: null,
    workflow_version: null,
    labels: {},
    queued_by: null,
    lease_seconds: null,
    last_sequence: 0,
    event_bytes: 0,
    control: [],
    producer_lost: false,
    degraded: [],
    events_path: null,
    output_paths: [],
  };
}

/**
 * The state after one more line. Changes `state` in place and returns it: a log has millions of lines, most of them console output that moves
 * two numbers, and a copy for each would cost more than all else. Copy it (`structuredClone`) to keep an older one. Never throws: of a
 * payload that is not as its type asks, it takes what fits. `lineBytes` counts the newline.
 */
export function foldRunState(state: RunState, event: RunEvent, lineBytes: number): RunState {
  state.last_sequence = event.sequence;
  state.event_bytes += lineBytes;
  if (event.type === "console.line" || event.type === "metric.recorded") return state;

  foldLifecycle(state, event, LIMITS.stateStringChars);
  const { payload } = event;
  switch (event.type) {
    case "run.queued":
      foldQueued(state, payload);
      break;
    case "control.requested":
      foldControlRequested(state, payload);
      break;
    case "control.acknowledged":
      state.control = state.control.filter((request) => request.control_id !== payload["control_id"]);
      break;
    case "producer.lost":
      state.producer_lost = true;
      break;
    case "producer.returned":
      state.producer_lost = false;
      break;
    case "log.degraded":
      if (isLogPart(payload["part"]) && !state.degraded.includes(payload["part"])) state.degraded.push(payload["part"]);
      break;
    case "log.recovered":
      state.degraded = state.degraded.filter((part) => part !== payload["part"]);
      break;
    case "run.completed":
      foldCompleted(state, payload);
      break;
  }
  return state;
}

function foldQueued(state: RunState, payload: Record<string, unknown>): void {
  state.name = textOr(payload["name"], null);
  state.workflow_id = textOr(payload["workflow_id"], null);
  state.workflow_version = textOr(payload["workflow_version"], null);
  state.labels = Object.fromEntries(
    Object.entries(recordOrEmpty(payload["labels"])).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
  state.queued_by = textOr(payload["queued_by"], null);
  state.lease_seconds = integerOr(payload["lease_seconds"], null);
}

function foldControlRequested(state: RunState, payload: Record<string, unknown>): void {
  const { control_id, action, by, reason } = payload;
  if (typeof control_id !== "string" || !isAction(action) || typeof by !== "string") return;
  if (state.control.some((request) => request.control_id === control_id)) return;
  state.control.push({ control_id, action, by, ...(typeof reason === "string" ? { reason } : {}) });
}

function foldCompleted(state: RunState, payload: Record<string, unknown>): void {
  // Nobody is left to answer a request, or to be missed.
  state.control = [];
  state.producer_lost = false;
  const artifacts = payload["artifacts"];
  if (!isRecord(artifacts)) return;
  state.events_path = textOr(artifacts["events_path"], null);
  const paths: unknown = artifacts["output_paths"];
  if (Array.isArray(paths)) state.output_paths = paths.filter((path): path is string => typeof path === "string");
}

const isLogPart = (value: unknown): value is LogPart => value === "archive" || value === "index";
const isAction = (value: unknown): value is ControlRequest["action"] =>
  value === "cancel" || value === "approve" || value === "reject" || value === "input";
