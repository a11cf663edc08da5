import type { Run } from "../../../../protocol/api.ts";
import type { RunEvent } from "../../../../protocol/event.ts";
import { textOr } from "../../../../protocol/lenient.ts";
import { formatPlural } from "../format/number.ts";
import { formatMoment } from "../format/time.ts";
import type { SequenceRange } from "../console/log-lines.ts";
import { proofInWords, rangesInWords, type Verification } from "./seal.ts";

/** What one should know about a run besides its status: what happened, what it means for the data, what to do. */
export type Notice = { key: string; text: string };

export type NoticeFacts = {
  run: Run;
  /** Of the timeline, as far as it is here. */
  events: readonly RunEvent[];
  /** Lines of the stored log that cannot be read, as far as this page was told; their number may be greater. */
  damaged: readonly SequenceRange[];
  damagedLines: number;
  verification: Verification;
  /** The server knows the run and has no log of it. */
  isLogMissing: boolean;
};

export function noticesOf(facts: NoticeFacts): Notice[] {
  const { run, events, isLogMissing } = facts;
  const notices: Notice[] = [];
  if (run.stale) notices.push({ key: "stale", text: staleWords(events) });
  if (run.logging_degraded)
    notices.push({
      key: "degraded",
      text: "The archive or the index cannot keep up. Every acknowledged line is kept and shown; it is stored there as soon as that works again.",
    });
  if (isLogMissing)
    notices.push({
      key: "missing",
      text: "The stored log of this run is missing. How it went is kept: its outcome, parameters and summary. A backup of the server's storage may have the log.",
    });
  else notices.push(...wholenessNotices(facts));
  if (run.status === "cancelled") {
    const text = cancelWords(events);
    if (text !== null) notices.push({ key: "cancelled", text });
  }
  return notices;
}

/** Which lines are not as they were written, from whoever has looked last. */
function wholenessNotices({ run, damaged, damagedLines, verification }: NoticeFacts): Notice[] {
  const { answer } = verification;
  if (answer !== null && !answer.proof.complete) {
    const others = answer.proof.damaged.some(({ reason }) => reason === "unproved")
      ? ""
      : "All others are as they were written. ";
    return [
      {
        key: "verified",
        text: `The stored log was verified and is not whole: ${proofInWords(answer.proof)}. ${others}${BACKUP}`,
      },
    ];
  }
  const notices: Notice[] = [];
  if (damagedLines > 0) {
    const known = rangesInWords(damaged, "marked below");
    const which = known === null ? "" : ` (${known})`;
    notices.push({
      key: "damaged",
      text: `${formatPlural(damagedLines, "line")} of the stored log cannot be read${which}. All others are as they were written. ${BACKUP}`,
    });
  } else if (run.incomplete) {
    notices.push({
      key: "incomplete",
      text: `Part of what was stored of this run is missing or damaged. What is left is shown; to verify it, beside the tabs, names the lines. ${BACKUP}`,
    });
  }
  return notices;
}
const BACKUP = "A backup of the server's storage may have them.";

function staleWords(events: readonly RunEvent[]): string {
  const since = textOr(events.findLast(({ type }) => type === "producer.lost")?.payload["since"], null);
  // The moment and not how long ago: it is read out when it changes, and must not change every second.
  const how = since === null ? "" : ` since ${formatMoment(Date.parse(since)).slice(0, -4)}`;
  return `The producer has not been heard of${how}. The run stays open and what it sent is safe; it may come back.`;
}

/** Who asked, and why. */
function cancelWords(events: readonly RunEvent[]): string | null {
  const asked = events.findLast(({ type, payload }) => type === "control.requested" && payload["action"] === "cancel");
  if (asked === undefined) return null;
  const reason = textOr(asked.payload["reason"], null);
  return `Cancelled by ${textOr(asked.payload["by"], "somebody")}${reason === null ? "." : `: ${reason}`}`;
}
