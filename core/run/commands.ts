import type { ControlRequest } from "../../protocol/control.ts";
import type { CreateRun, EditRun } from "../../protocol/api.ts";
import type { EventDraft, Completion } from "../../protocol/append.ts";
import type { Refusal } from "../../protocol/error-code.ts";
import type { Summary } from "../../protocol/summary.ts";
import type { LogWindow, Segment, StoredRun } from "../ports.ts";
import type { Details } from "./edits.ts";
import type { AheadLines } from "./receipts.ts";
import type { ProducerNumber } from "./sequencer.ts";

/** What may be asked of a run and what it answers: plain data that crosses from the Worker to the object and back. */

/** This object holds no run: it was never created, or it was archived and emptied. Only the index knows which. */
export type Unknown = { kind: "unknown" };

export type CreateCommand = {
  runId: string;
  workspaceId: string;
  queuedBy: string;
  body: Omit<CreateRun, "parameters">;
  /** JSON text of one object, as `encodeParameters` gives it. */
  parameters: string;
};
export type CreateOutcome = { kind: "created"; run: StoredRun };

/**
 * A batch, read by the Worker. What the Worker had to refuse comes along instead of its events, because the run's own refusals
 * (unknown, fenced, repeated, ended) are answered first. [APP1]
 */
export type AppendRequest = {
  producer: ProducerNumber | null;
  content:
    | { kind: "events"; drafts: EventDraft[]; completion: Completion | null }
    | { kind: "refused"; stage: "query" | "body" | "producer" | "content"; refusal: Refusal };
};
export type AppendOutcome =
  | Unknown
  | { kind: "refused"; refusal: Refusal }
  | {
      kind: "appended";
      firstSequence: number | null;
      lastSequence: number | null;
      accepted: number;
      duplicate: boolean;
      control: ControlRequest[];
    };

export type CancelCommand = { by: string; reason: string | null; force: boolean };
export type CancelOutcome =
  | Unknown
  /** Open until now: the producer was asked to end it, or it was ended at once. */
  | { kind: "requested"; run: StoredRun }
  | { kind: "already_cancelled"; run: StoredRun }
  | { kind: "refused"; refusal: Refusal };

/** `expected`: the details that the edit was made for; null when it is for any. */
export type EditCommand = { change: EditRun; expected: Details | null };
export type EditOutcome = Unknown | { kind: "edited"; run: StoredRun } | { kind: "refused"; refusal: Refusal };

export type NoteArtifactOutcome = Unknown | { kind: "noted" };

export type DescribeOutcome = Unknown | { kind: "run"; run: StoredRun };
export type SummaryOutcome = Unknown | { kind: "summary"; summary: Summary };
export type HeartbeatOutcome =
  | Unknown
  | { kind: "refused"; refusal: Refusal }
  | { kind: "heard"; control: ControlRequest[] };
export type EraseOutcome = { kind: "erased" } | { kind: "refused"; refusal: Refusal };

/**
 * The hot end of the log after a sequence. `segments`: what the archive already holds, so a reader that is behind the hot end
 * knows where to go on; `window` is null when there is nothing hot after it yet.
 */
export type JudgeOutcome = Unknown | { kind: "noted" };
export type TailOutcome =
  | Unknown
  | {
      kind: "tail";
      status: StoredRun["status"];
      headSequence: number;
      /** Of all lines, of an ended run. */
      sha256: string | null;
      hotAfter: number;
      segments: Segment[];
      ahead: AheadLines[];
      window: LogWindow | null;
    };
