import { startInspectedServer, type InspectedServer } from "../test/support/inspected-server.ts";
import { median, pause, print, quantileOf } from "./figures.ts";
import { consoleLine } from "./load.ts";

/** R2 answers each call about the one run so much later. */
const DELAY_MS = 2_000;
/** About 0.5 MB/s a run: a segment is due about as often as a delayed R2 takes one. */
const LOAD = { perSecond: 50, seconds: 16, eventsABatch: 50 };

type AppendTimes = { p50: number; p95: number; segments: number };

/**
 * R31: what a slow R2 costs an append. Two runs get the same batches, one right after the other and each first in turn; R2 is slow for one of them. So whatever
 * else happens on the machine happens to both.
 */
export async function compareSlowArchive(rounds: number): Promise<void> {
  const inspected = await startInspectedServer();
  const asItIs: AppendTimes[] = [];
  const delayed: AppendTimes[] = [];
  try {
    // The first round also warms the code, and counts for nothing.
    for (let round = 0; round <= rounds; round += 1) {
      const times = await appendTimes(inspected);
      if (round === 0) continue;
      asItIs.push(times.asItIs);
      delayed.push(times.delayed);
    }
  } finally {
    await inspected.remove();
  }
  const figures = (times: AppendTimes[]): string =>
    `p50 ${median(times.map(({ p50 }) => p50)).toFixed(1)}  p95 ${median(times.map(({ p95 }) => p95)).toFixed(1)}  (${median(times.map(({ segments }) => segments))} segments put meanwhile)`;
  const ratios = delayed.map(({ p95 }, at) => p95 / (asItIs[at]?.p95 ?? Number.NaN));
  print(`append of ${LOAD.eventsABatch} events, ${LOAD.perSecond}/s to each of two runs (ms)`, "");
  print("  R2 as it is", figures(asItIs));
  print(`  R2 delayed by ${DELAY_MS / 1_000} s`, figures(delayed));
  print(
    "  p95 delayed / as it is",
    `median ${median(ratios).toFixed(2)} of ${ratios.map((ratio) => ratio.toFixed(2)).join("  ")}`,
  );
}

async function appendTimes(inspected: InspectedServer): Promise<{ asItIs: AppendTimes; delayed: AppendTimes }> {
  const { api } = inspected;
  const [asItIs, delayed] = [await newRun(inspected), await newRun(inspected)];
  await inspected.delayArchive(DELAY_MS, delayed.runId);
  const start = performance.now();
  for (let batch = 0; batch < LOAD.perSecond * LOAD.seconds; batch += 1) {
    // Later on a busy machine, but never one batch behind another.
    await pause(Math.max(0, start + (batch * 1_000) / LOAD.perSecond - performance.now()));
    for (const run of batch % 2 === 0 ? [asItIs, delayed] : [delayed, asItIs]) {
      const body = consoleLine().repeat(LOAD.eventsABatch);
      const begun = performance.now();
      const { status } = await api.append(run.runId, body);
      if (status !== 200) throw new Error(`an append was answered with ${status}`);
      run.times.push(performance.now() - begun);
    }
  }
  const results = { asItIs: await asItIs.figures(), delayed: await delayed.figures() };
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
      p50: quantileOf(times, 0.5),
      p95: quantileOf(times, 0.95),
      segments: (await inspected.keys(runId)).length,
    }),
  };
}
