import { LIMITS } from "../../protocol/limits.ts";

/** Log lines reach R2 at the latest this long after they were accepted. */
export const FLUSH_AFTER_MS = 60_000;
/** An alarm later than this means that the server was down: that time does not count against the producer. */
export const LATE_ALARM_MS = 5_000;

/** Everything of a run that can fall due. Absent things are null. */
export type DueFacts = {
  open: boolean;
  /** When the archive has something to do: now, in a minute, or after a pause. */
  archiveAt: number | null;
  indexAt: number | null;
  leaseMs: number | null;
  /** When the producer was last heard, or the run made. */
  heardAt: number;
  /** Before this no deadline of the producer's counts: the server was away. */
  graceUntil: number;
  /** When `producer.lost` was written, while nobody came back. */
  lostAt: number | null;
  endAfterMs: number;
  cancelRequestedAt: number | null;
  /** When a silent watcher or one whose session expires is to be closed, or one that could not be served to be tried again. */
  watchersAt: number | null;
  /** When the session of a produce socket expires. */
  producersAt: number | null;
};

/** An object that holds no run has nothing due but what its sockets have. */
export const EMPTY_OBJECT: DueFacts = {
  open: false,
  archiveAt: null,
  indexAt: null,
  leaseMs: null,
  heardAt: 0,
  graceUntil: 0,
  lostAt: null,
  endAfterMs: 0,
  cancelRequestedAt: null,
  watchersAt: null,
  producersAt: null,
};

/** When the producer counts as lost, if nothing is heard until then. */
export const leaseEndsAt = (facts: Pick<DueFacts, "leaseMs" | "heardAt" | "graceUntil" | "lostAt">): number | null =>
  facts.leaseMs === null || facts.lostAt !== null ? null : Math.max(facts.heardAt + facts.leaseMs, facts.graceUntil);

/** When a run whose producer is lost ends by itself. */
export const abandonedAt = (facts: Pick<DueFacts, "lostAt" | "endAfterMs" | "graceUntil">): number | null =>
  facts.lostAt === null ? null : Math.max(facts.lostAt + facts.endAfterMs, facts.graceUntil);

export const cancelEndsAt = (facts: Pick<DueFacts, "cancelRequestedAt">): number | null =>
  facts.cancelRequestedAt === null ? null : facts.cancelRequestedAt + LIMITS.cancelGraceMs;

/** The one alarm: the earliest thing due, null when nothing is. An idle run has none. [ALM1] */
export function earliestDue(facts: DueFacts): number | null {
  const always = [facts.archiveAt, facts.indexAt, facts.watchersAt, facts.producersAt];
  const whileOpen = facts.open ? [leaseEndsAt(facts), abandonedAt(facts), cancelEndsAt(facts)] : [];
  const due = [...always, ...whileOpen].filter((at) => at !== null);
  return due.length === 0 ? null : Math.min(...due);
}

/** Pause before the whole log is made again that came back wrong `count` times: a minute doubling to an hour. [ARC8] */
export const wrongLogPauseMs = (count: number): number => Math.min(3_600_000, 60_000 * 2 ** Math.max(0, count - 1));

/** Pause before attempt `failures + 1`: 1 s doubling to 60 s. */
export const backoffMs = (failures: number): number => Math.min(60_000, 1_000 * 2 ** Math.max(0, failures - 1));
