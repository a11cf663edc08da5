import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { NumberedProducer } from "../support/numbered-producer.ts";
import { expectSameInArchive } from "../support/read-every-way.ts";
import { waitUntil } from "../support/wait-until.ts";
import { AS_THE_CLIENT, FollowingWatcher } from "../support/watcher.ts";
import { Random } from "./laboratory/random.ts";

/** RUNCAST_LONG=1: all of them. */
const WATCHERS = process.env.RUNCAST_LONG === "1" ? 1_000 : 100;
const SEED = Number(process.env.RUNCAST_SEED ?? 20_261_121);
const ROUNDS = 4;

let inspected: InspectedServer;
beforeAll(async () => {
  inspected = await startInspectedServer();
});
afterAll(() => inspected.remove());

test(
  `${WATCHERS} watchers reconnect at once, again and again, where the archive ends and the tail begins: each has every line once, in order`,
  { timeout: 600_000 },
  async () => {
    const { api } = inspected;
    const random = new Random(SEED);
    const { run_id } = await api.createRun();
    const producer = new NumberedProducer(api, run_id, "p", 60_000);
    // Two segments, and then some: the next border is about to come.
    for (let batch = 0; batch < 35; batch += 1) await producer.deliver(10, "x".repeat(8_000));
    await waitUntil("segments are in the archive", async () => (await inspected.keys(run_id)).length >= 2);
    const seam = Number(/-(\d{16})\.ndjson$/.exec((await inspected.keys(run_id)).at(-1) ?? "")?.[1]);
    expect(seam).toBeGreaterThan(100);

    const watchers = Array.from({ length: WATCHERS }, () => {
      const after = seam - 20 + random.below(40);
      const ack = random.chance(0.7) ? "at once" : random.between(1, 200);
      return new FollowingWatcher(api, run_id, { after, ack, patience: AS_THE_CLIENT });
    });
    for (let round = 0; round < ROUNDS; round += 1) {
      // Lines come while they connect, and the border moves over them.
      for (let batch = 0; batch < 8; batch += 1) await producer.deliver(random.between(1, 10), "x".repeat(8_000));
      await sleep(random.below(500));
      if (round % 2 === 1) await inspected.evict(run_id, "close");
      for (const watcher of watchers) watcher.cut();
    }
    // The last storm meets the run's end and its archiving.
    await api.complete(run_id);
    for (const watcher of watchers) watcher.cut();
    for (const watcher of watchers) await watcher.ended(240_000);

    const lines = await expectSameInArchive(inspected, run_id);
    for (const watcher of watchers) {
      // Not `toEqual` of so many lines: what differs is told by the first that does.
      const differs = watcher.lines.findIndex((line, at) => line !== lines[watcher.after + at]);
      expect([differs, watcher.after + watcher.lines.length]).toEqual([-1, lines.length]);
    }
    expect(watchers.every(({ connections }) => connections > 1)).toBe(true);
  },
);
