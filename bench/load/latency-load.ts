import { setTimeout as sleep } from "node:timers/promises";
import type { PeerLog } from "../peers/peer.ts";
import { consoleEvent } from "./event.ts";
import { quantile } from "./quantile.ts";
import { measureUsage, type Usage } from "./usage.ts";
import { missing, watchAll } from "./watch-all.ts";

export type LatencyLoad = { perSecond: number; seconds: number; watchers: number };

export type LatencyFigures = { p50: number; p99: number; usage: Usage; note?: string };

const DELIVERED_WITHIN_MS = 10_000;

/** Single events at a steady rate, whether the ones before are answered or not: how old each was when each watcher had it, in milliseconds. */
export async function latencyLoad(log: PeerLog, group: number, load: LatencyLoad): Promise<LatencyFigures> {
  const watching = await watchAll(log, load.watchers, { isTimed: true });
  const usage = measureUsage(group);
  const events = Math.ceil(load.perSecond * load.seconds);
  const pending: Promise<void>[] = [];
  const refusals: unknown[] = [];
  const begunAt = performance.now();
  for (let event = 0; event < events; event += 1) {
    await sleep(Math.max(0, begunAt + (event * 1_000) / load.perSecond - performance.now()));
    pending.push(log.append(consoleEvent(), 1).catch((error: unknown) => void refusals.push(error)));
  }
  const isAnswered = await Promise.race([Promise.all(pending), sleep(DELIVERED_WITHIN_MS, null)]);
  if (isAnswered === null || refusals.length > 0) {
    watching.leave();
    const [cause] = refusals;
    throw new Error(`it does not keep up with ${load.perSecond} events/s`, cause === undefined ? {} : { cause });
  }
  const received = await watching.receive(events, DELIVERED_WITHIN_MS);
  const used = usage();
  watching.leave();
  await log.finish();
  const latencies = watching.latencies();
  return {
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    usage: used,
    ...missing(received, events * load.watchers, DELIVERED_WITHIN_MS),
  };
}
