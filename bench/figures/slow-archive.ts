import { setTimeout as sleep } from "node:timers/promises";
import { startInspectedServer, type InspectedServer } from "../../test/support/inspected-server.ts";
import type { Bench, Figure } from "../figure.ts";
import { consoleEvent } from "../load/event.ts";
import { quantile } from "../load/quantile.ts";
import { pick, together } from "../rounds.ts";

/** R2 answers each call about the one run so much later. */
const DELAY_MS = 2_000;
/** About 0.5 MB/s a run: a segment is due about as often as a delayed R2 takes one. */
const LOAD = { perSecond: 50, seconds: 16, eventsABatch: 50 };
const PEER = "R2 as it is";

type AppendTimes = { p50: number; p95: number; segments: number };

/**
 * R31: what a slow R2 costs an append. Two runs get the same batches, one right after the other and each first in turn; R2 is slow for one of them. So whatever
 * else happens on the machine happens to both.
 */
export const slowArchive: Figure = {
  title: `An append of ${LOAD.eventsABatch} events while R2 answers ${DELAY_MS / 1_000} s later`,
  measure: async (bench) => {
    const inspected = await startInspectedServer();
    try {
      const turns = await together(bench, () => appendTimes(inspected, bench));
      return [
        { case: "p50", unit: "ms", better: "less", by: pick(turns, ({ p50 }) => p50) },
        {
          case: "p95",
          unit: "ms",
          better: "less",
          by: pick(turns, ({ p95 }) => p95),
          targets: [{ peer: PEER, factor: 1.1 }],
        },
        { case: "put meanwhile", unit: "segments", better: "more", by: pick(turns, ({ segments }) => segments) },
      ];
    } finally {
      await inspected.remove();
    }
  },
};

async function appendTimes(inspected: InspectedServer, { isSmoke }: Bench): Promise<Record<string, AppendTimes>> {
  const { api } = inspected;
  const [asItIs, delayed] = [await newRun(inspected), await newRun(inspected)];
  await inspected.delayArchive(isSmoke ? 20 : DELAY_MS, delayed.runId);
  const batches = isSmoke ? 4 : LOAD.perSecond * LOAD.seconds;
  const begunAt = performance.now();
  for (let batch = 0; batch < batches; batch += 1) {
    await sleep(Math.max(0, begunAt + (batch * 1_000) / LOAD.perSecond - performance.now()));
    for (const run of batch % 2 === 0 ? [asItIs, delayed] : [delayed, asItIs]) {
      const body = `${consoleEvent()}\n`.repeat(LOAD.eventsABatch);
      const sentAt = performance.now();
      const { status } = await api.append(run.runId, body);
      if (status !== 200) throw new Error(`an append was answered with ${status}`);
      run.times.push(performance.now() - sentAt);
    }
  }
  const results = { [PEER]: await asItIs.figures(), runcast: await delayed.figures() };
  await inspected.delayArchive(0);
  // What is left of this load must not run beside the next.
  for (const { runId } of [asItIs, delayed]) {
    await api.complete(runId);
    await inspected.archived(runId);
  }
  return results;
}

async function newRun(inspected: InspectedServer) {
  const { run_id: runId } = await inspected.api.createRun();
  const times: number[] = [];
  return {
    runId,
    times,
    figures: async (): Promise<AppendTimes> => ({
      p50: quantile(times, 0.5),
      p95: quantile(times, 0.95),
      segments: (await inspected.keys(runId)).length,
    }),
  };
}
