import type { Completion, EventDraft } from "../../protocol/append.ts";
import { draftEvent, parseRecord } from "../../protocol/ndjson.ts";
import type { Refusal } from "../../protocol/error-code.ts";
import { isTerminal, type Failure, type RunStatus, type TerminalStatus } from "../../protocol/event.ts";
import { canMove, judgeStart, startedStatus } from "../../protocol/run-status.ts";
import type { CreateCommand } from "./commands.ts";
import type { RunIdentity } from "./run-memory.ts";

/** A line about to be written. `own` lines are the producer's: the positions it is answered with are theirs. */
export type PlannedLine = { draft: EventDraft; own: boolean };

export type BatchPlan =
  | { kind: "planned"; lines: PlannedLine[]; completion: Completion | null }
  | { kind: "refused"; refusal: Refusal };

const serverStarted: EventDraft = draftEvent("run.started", null, {});

/**
 * Walks a batch through the run's statuses: which `run.started` the server writes of its own, and which move is illegal. [LIFE1] [LIFE2] [LIFE3]
 * Nothing is written here: a refused batch leaves no trace.
 */
export function planBatch(status: RunStatus, drafts: readonly EventDraft[], completion: Completion | null): BatchPlan {
  const lines: PlannedLine[] = [];
  let now = status;
  const isEmpty = drafts.length === 0 && completion === null;
  const startsItself = drafts.some((draft) => draft.type === "run.started" || draft.type.startsWith("build."));
  if (now === "queued" && !isEmpty && !startsItself) {
    lines.push({ draft: serverStarted, own: false });
    now = "running";
  }
  for (const draft of drafts) {
    const asked = startedStatus(draft.type);
    if (asked !== null) {
      if (judgeStart(now, asked) === "illegal") return illegal(now, asked, draft.type);
      now = asked;
    }
    lines.push({ draft, own: true });
  }
  if (completion !== null) {
    if (completion.status === "succeeded" && now !== "running") {
      lines.push({ draft: serverStarted, own: false });
      now = "running";
    }
    if (!canMove(now, completion.status)) return illegal(now, completion.status, "run.completed");
  }
  return { kind: "planned", lines, completion };
}

function illegal(from: RunStatus, to: RunStatus, type: string): BatchPlan {
  return {
    kind: "refused",
    refusal: { code: "ILLEGAL_MOVE", detail: `${type}: a run that is ${from} cannot become ${to}.` },
  };
}

/** The end of a run that its producer does not end. */
export const serverCompletion = (status: TerminalStatus, failure: Failure | null): Completion => ({
  status,
  exit_code: null,
  failure,
  createdAtMs: null,
  source: null,
  step: null,
});

export const identityOf = (
  { runId, workspaceId, body, parameters }: CreateCommand,
  createdAt: number,
): RunIdentity => ({
  runId,
  workspaceId,
  createdAt,
  parameters,
  leaseMs: body.lease_seconds === undefined ? null : body.lease_seconds * 1000,
  endAfterMs: (body.end_after_seconds ?? 0) * 1000,
});

/** The payload of the first line: what the run was asked to be. */
export const queuedPayload = ({ body, parameters, queuedBy }: CreateCommand): Record<string, unknown> => ({
  ...(body.workflow_id === undefined ? {} : { workflow_id: body.workflow_id }),
  ...(body.workflow_version === undefined ? {} : { workflow_version: body.workflow_version }),
  ...(body.name === undefined ? {} : { name: body.name }),
  parameters: parseRecord(parameters),
  queued_by: queuedBy,
  ...(body.lease_seconds === undefined ? {} : { lease_seconds: body.lease_seconds }),
  ...(body.labels === undefined ? {} : { labels: body.labels }),
});

export type CancelDecision =
  | { kind: "already_cancelled" }
  | { kind: "refused"; refusal: Refusal }
  /** Nobody is there to end the run, or it was forced: the server ends it now. */
  | { kind: "end_now" }
  | { kind: "ask_producer" }
  | { kind: "already_asked" };

export function decideCancel(facts: {
  status: RunStatus;
  force: boolean;
  producerPresent: boolean;
  asked: boolean;
}): CancelDecision {
  if (facts.status === "cancelled") return { kind: "already_cancelled" };
  if (isTerminal(facts.status)) {
    return {
      kind: "refused",
      refusal: { code: "RUN_NOT_CANCELLABLE", detail: `The run has already ${facts.status}.` },
    };
  }
  // Whoever asks again is not told twice: the first request still runs its 30 s. [LIFE5]
  if (facts.force || !facts.producerPresent) return { kind: "end_now" };
  return facts.asked ? { kind: "already_asked" } : { kind: "ask_producer" };
}
