import type { Context } from "hono";
import type { StoredRun } from "../../core/ports.ts";
import { isDamageMark } from "../../core/reading/damage.ts";
import { MetricPoints } from "../../core/reading/metric-points.ts";
import { windowLines } from "../../core/reading/read-log.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MetricHistory } from "../../protocol/metric-history.ts";
import type { App } from "../app-context.ts";
import { DamageList } from "./damage-list.ts";
import { logOf, readerOf } from "./answer-run.ts";
import type { MetricQuery } from "./metric-options.ts";

/** Pieces of the archive that are on their way while one is read. */
const READ_AHEAD = 4;

/** The values of some of a run's metrics; what is damaged between them is left out, and told in a header. [MET2] */
export async function readMetrics(
  c: Context<App>,
  run: StoredRun,
  query: MetricQuery,
): Promise<{ history: MetricHistory; headers: Record<string, string> }> {
  const log = logOf(c, run, readerOf(c, run, READ_AHEAD), READ_AHEAD);
  const metrics = new MetricPoints(query.names, query.points);
  const damage = new DamageList();
  const endsAt = Date.now() + LIMITS.metricsMs;
  let scannedTo = query.afterSequence;
  let complete = true;
  for await (const window of log.metricWindows(query.afterSequence)) {
    for (const { sequence, line } of windowLines(window)) {
      if (isDamageMark(line)) damage.add(sequence);
      else metrics.add(line);
    }
    scannedTo = window.lastSequence;
    if (Date.now() < endsAt) continue;
    complete = false;
    break;
  }
  if (complete) scannedTo = Math.max(scannedTo, log.isEnded ? run.last_sequence : scannedTo);
  return { history: { items: metrics.items(), scanned_to: scannedTo, complete }, headers: damage.header() };
}
