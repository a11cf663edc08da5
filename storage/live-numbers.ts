import { noCounts } from "./run-stats.ts";
import type { LiveRun } from "./sqlite-live-runs.ts";

/** What a workspace's open runs add up to. */
export type LiveNumbers = {
  counts: ReturnType<typeof noCounts>;
  events: number;
  bytes: number;
  watchers: number;
  unflushedBytes: number;
  appends: number;
  degraded: number;
  stale: number;
  /** Runs whose watchers, unflushed bytes and appends are not known: the object began anew, and they have said nothing since. */
  unreported: number;
};

export function liveNumbers(runs: readonly LiveRun[]): LiveNumbers {
  const numbers: LiveNumbers = {
    counts: noCounts(),
    events: 0,
    bytes: 0,
    watchers: 0,
    unflushedBytes: 0,
    appends: 0,
    degraded: 0,
    stale: 0,
    unreported: 0,
  };
  for (const { run, load } of runs) {
    numbers.counts[run.status] += 1;
    numbers.events += run.last_sequence;
    numbers.bytes += run.event_bytes;
    numbers.watchers += load?.watchers ?? 0;
    numbers.unflushedBytes += load?.unflushedBytes ?? 0;
    numbers.appends += load?.appends ?? 0;
    numbers.degraded += Number(run.logging_degraded);
    numbers.stale += Number(run.stale);
    numbers.unreported += Number(load === null);
  }
  return numbers;
}
