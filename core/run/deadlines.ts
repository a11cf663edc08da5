import { isTerminal } from "../../protocol/event.ts";
import { abandonedAt, cancelEndsAt, LATE_ALARM_MS, leaseEndsAt, type DueFacts } from "./alarm-plan.ts";
import { serverCompletion } from "./lifecycle.ts";
import type { LogKeeper } from "./log-keeper.ts";
import type { RunMemory } from "./run-memory.ts";

/** What has fallen due of a producer's deadlines. */
export type Deadline =
  | { kind: "none" }
  /** It was heard after it was lost, by pings, which do not wake the object. */
  | { kind: "returned" }
  /** It was asked to end the run and did not. */
  | { kind: "cancelled" }
  /** The server was away: nothing of the producer's falls due before `until`. */
  | { kind: "grace"; until: number }
  | { kind: "lost" }
  /** It was lost and did not come back. */
  | { kind: "abandoned" };

/**
 * The next thing to do about an open run's producer. `scheduledAt` is when the alarm should have come: the time in which the server was
 * away counts against nobody. [LEASE2] [LEASE3]
 */
export function decideDeadline(facts: DueFacts, now: number, scheduledAt: number): Deadline {
  if (!facts.open) return { kind: "none" };
  if (facts.lostAt !== null && facts.heardAt > facts.lostAt) return { kind: "returned" };
  const cancelEnds = cancelEndsAt(facts);
  if (cancelEnds !== null && cancelEnds <= now) return { kind: "cancelled" };
  const leaseEnds = leaseEndsAt(facts);
  const deadline = leaseEnds ?? abandonedAt(facts);
  if (deadline === null || deadline > now) return { kind: "none" };
  // Whoever asked something of the object first may have set the alarm anew: the deadline itself then says how late it is.
  if (now - Math.min(scheduledAt, deadline) > LATE_ALARM_MS)
    return { kind: "grace", until: now + (facts.leaseMs ?? 0) };
  return leaseEnds === null ? { kind: "abandoned" } : { kind: "lost" };
}

/** Does whatever has fallen due of the producer's deadlines, one thing after another. */
export function meetDeadlines(
  log: LogKeeper,
  facts: (memory: RunMemory) => DueFacts,
  now: number,
  scheduledAt: number,
): void {
  for (;;) {
    const memory = log.memory();
    if (memory === null) return;
    const due = facts(memory);
    const deadline = decideDeadline(due, now, scheduledAt);
    switch (deadline.kind) {
      case "none":
        return;
      case "returned":
        log.returned(memory);
        break;
      case "cancelled":
        log.write(memory, (writer) => writer.complete(serverCompletion("cancelled", null)));
        break;
      case "grace":
        log.grant(memory, deadline.until);
        break;
      case "lost": {
        const payload = { last_sequence: memory.state.last_sequence, since: new Date(due.heardAt).toISOString() };
        log.write(memory, (writer) => writer.writeServerEvent("producer.lost", null, payload));
        break;
      }
      case "abandoned": {
        const message = "The producer was not heard within its lease and did not come back.";
        const failure = { code: "PRODUCER_LOST", message };
        log.write(memory, (writer) => writer.complete(serverCompletion("failed", failure)));
        break;
      }
    }
  }
}

/** What a run's own deadlines hang on. `socketHeardAt`: when a produce socket last said something. */
export const deadlinesOf = (
  { identity, state, heardAt, graceUntil, lostAt, cancelRequestedAt }: RunMemory,
  socketHeardAt: number | null,
): Omit<DueFacts, "archiveAt" | "indexAt" | "watchersAt" | "producersAt"> => ({
  open: !isTerminal(state.status),
  leaseMs: identity.leaseMs,
  heardAt: Math.max(identity.createdAt, heardAt ?? 0, socketHeardAt ?? 0),
  graceUntil,
  lostAt,
  endAfterMs: identity.endAfterMs,
  cancelRequestedAt,
});
