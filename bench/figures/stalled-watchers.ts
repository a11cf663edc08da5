import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Figure } from "../figure.ts";
import { consoleEvent } from "../load/event.ts";
import { watchMemory } from "../load/memory.ts";
import { quantile } from "../load/quantile.ts";
import { StallingWatcher } from "../load/stalling-watcher.ts";
import { missing, watchAll } from "../load/watch-all.ts";
import { node } from "../peers/node.ts";
import { raw } from "../peers/objects.ts";
import type { Peer, PeerLog } from "../peers/peer.ts";
import { runcast } from "../peers/runcast.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServer } from "../servers.ts";

const READING = 5;
/** 50 batches a second of about 70 kB. */
const LOAD = { perSecond: 50, linesABatch: 33, messageBytes: 2_000 };
const LINE_BYTES = LOAD.messageBytes + 160;
const [WARM_UP_BYTES, LOAD_BYTES] = [60e6, 200e6];
const RECEIVED_WITHIN_MS = 60_000;
/** How many of the stalled ones read on afterwards, to the last line. */
const RESUMED = 3;

/** Those that keep what nobody reads get fewer: a hundred would take 20 GB. */
const CONTENDERS: { name: string; peer: Peer; stalled: number }[] = [
  { name: "runcast", peer: runcast, stalled: 100 },
  { name: "runcast, none stalled", peer: runcast, stalled: 0 },
  { name: "raw, 5 stalled", peer: raw, stalled: 5 },
  { name: "raw, none stalled", peer: raw, stalled: 0 },
  { name: "node, 5 stalled", peer: node, stalled: 5 },
  { name: "node, none stalled", peer: node, stalled: 0 },
];

type Figures = { peakMb: number; p50: number; p95: number; note?: string };

/** Flow control: what watchers that stop reading cost the server and everybody else. The same load on a fresh server each time, after the same warm-up. */
export const stalledWatchers: Figure = {
  title: `${READING} watchers read 200 MB as they are written, others (100 of Runcast) stop reading`,
  measure: async (bench) => {
    const contenders = bench.isSmoke ? CONTENDERS.slice(0, 3) : CONTENDERS;
    const turns = await byTurns(bench, contenders, (contender) => measure(contender, bench), {
      isWarm: true,
    });
    return [
      { case: "the server's memory at most", unit: "MB", better: "less", by: pick(turns, ({ peakMb }) => peakMb) },
      { case: "append → received, p50", unit: "ms", better: "less", by: pick(turns, ({ p50 }) => p50) },
      {
        case: "append → received, p95",
        unit: "ms",
        better: "less",
        by: pick(turns, ({ p95 }) => p95),
        targets: [{ peer: "runcast, none stalled", factor: 1.1 }],
      },
    ];
  },
};

const measure = ({ peer, stalled }: (typeof CONTENDERS)[number], { scale }: Bench): Promise<Figures> =>
  withServer(peer, async (server) => {
    await warmUp(await server.newLog(), WARM_UP_BYTES * scale);
    const log = await server.newLog();
    const asleep: StallingWatcher[] = [];
    for (let at = 0; at < stalled; at += 1) asleep.push(new StallingWatcher(log));
    for (const watcher of asleep) await watcher.stall();
    const watching = await watchAll(log, READING, { isTimed: true });
    const peakMb = watchMemory(server.group);
    const lines = await write(log, LOAD_BYTES * scale);
    const received = await watching.receive(lines, RECEIVED_WITHIN_MS);
    const figures = {
      peakMb: peakMb(),
      p50: quantile(watching.latencies(), 0.5),
      p95: quantile(watching.latencies(), 0.95),
      ...missing(received, lines * READING, RECEIVED_WITHIN_MS),
    };
    watching.leave();
    // The peers' lines have no numbers to be held against.
    if (peer === runcast) await Promise.all(asleep.slice(0, RESUMED).map((watcher) => watcher.readTo(lines)));
    for (const watcher of asleep) watcher.leave();
    return figures;
  });

async function warmUp(log: PeerLog, bytes: number): Promise<void> {
  const watching = await watchAll(log, READING);
  await write(log, bytes);
  watching.leave();
}

/** Appends at a steady rate; answers with how many lines there are. */
async function write(log: PeerLog, bytes: number): Promise<number> {
  const batches = Math.ceil(bytes / (LOAD.linesABatch * LINE_BYTES));
  const begunAt = performance.now();
  for (let batch = 0; batch < batches; batch += 1) {
    await sleep(Math.max(0, begunAt + (batch * 1_000) / LOAD.perSecond - performance.now()));
    await log.append(consoleEvent(LOAD.messageBytes), LOAD.linesABatch);
  }
  return batches * LOAD.linesABatch;
}
