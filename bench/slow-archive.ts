import { startInspectedServer, type InspectedServer } from "../test/support/inspected-server.ts";
import { median, pause, print, quantileOf } from "./figures.ts";
import { consoleLine } from "./load.ts";

/** R2 answers each call so much later. */
const DELAY_MS = 2_000;
/** About 0.8 MB/s: a segment is due faster than a delayed R2 takes them. */
const LOAD = { perSecond: 80, seconds: 10, eventsABatch: 50 };

type AppendTimes = { p50: number; p95: number; segments: number };

/** R31: what a slow R2 costs an append. The same load with R2 as it is and delayed, in pairs, in turn. */
export async function compareSlowArchive(runs: number): Promise<void> {
  const inspected = await startInspectedServer();
  const ratios: number[] = [];
  const asItIs: AppendTimes[] = [];
  const delayed: AppendTimes[] = [];
  try {
    // The first load also warms the code, and counts for nothing.
    await appendTimes(inspected, 0);
    for (let run = 0; run < runs; run += 1) {
      // In turn: neither of the two always comes second.
      const order = run % 2 === 0 ? [0, DELAY_MS] : [DELAY_MS, 0];
      for (const delayMs of order) (delayMs === 0 ? asItIs : delayed).push(await appendTimes(inspected, delayMs));
      ratios.push((delayed.at(-1)?.p95 ?? Number.NaN) / (asItIs.at(-1)?.p95 ?? Number.NaN));
    }
  } finally {
    await inspected.remove();
  }
  const figures = (times: AppendTimes[]): string =>
    `p50 ${median(times.map(({ p50 }) => p50)).toFixed(1)}  p95 ${median(times.map(({ p95 }) => p95)).toFixed(1)}  (${median(times.map(({ segments }) => segments))} segments put meanwhile)`;
  print(`append of ${LOAD.eventsABatch} events, ${LOAD.perSecond}/s (ms)`, "");
  print("  R2 as it is", figures(asItIs));
  print(`  R2 delayed by ${DELAY_MS / 1_000} s`, figures(delayed));
  print("  p95 delayed / as it is, of each pair", ratios.map((ratio) => ratio.toFixed(2)).join("  "));
}

/** Batches at a steady rate, each when the one before is answered: on a busy machine fewer, but never one behind another. */
async function appendTimes(inspected: InspectedServer, delayMs: number): Promise<AppendTimes> {
  const { api } = inspected;
  const { run_id } = await api.createRun();
  await inspected.delayArchive(delayMs);
  const times: number[] = [];
  const start = performance.now();
  for (let batch = 0; batch < LOAD.perSecond * LOAD.seconds; batch += 1) {
    await pause(Math.max(0, start + (batch * 1_000) / LOAD.perSecond - performance.now()));
    const begun = performance.now();
    const { status } = await api.append(run_id, consoleLine().repeat(LOAD.eventsABatch));
    if (status !== 200) throw new Error(`an append was answered with ${status}`);
    times.push(performance.now() - begun);
  }
  const segments = (await inspected.keys(run_id)).length;
  await inspected.delayArchive(0);
  // What is left of this load must not run beside the next.
  await api.complete(run_id);
  await inspected.archived(run_id);
  return { p50: quantileOf(times, 0.5), p95: quantileOf(times, 0.95), segments };
}
