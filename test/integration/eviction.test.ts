import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { consoleLine, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { NumberedProducer } from "../support/numbered-producer.ts";
import { ProducerSocket } from "../support/producer-socket.ts";
import { expectAcknowledged, expectSameInArchive } from "../support/read-every-way.ts";
import { waitUntil } from "../support/wait-until.ts";
import { FollowingWatcher, Watcher } from "../support/watcher.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

/** Takes the object out of memory, if it is in it. */
async function evict(runId: string, webSockets: "close" | "hibernate"): Promise<boolean> {
  try {
    await inspected.evict(runId, webSockets);
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.includes("not currently running")) return false;
    throw error;
  }
}

/**
 * The local runtime may forget the alarm of an object that it was made to evict while it was at work; anything else that reaches the object lets it
 * go on with what is due. (That an alarm survives a kill is shown in test/faults.)
 */
const wake = (runId: string) => api.append(runId, "late");

type Disturbance = { kind: "attach" | "cut" | "hibernate" | "evict"; watcher: number; pauseMs: number };
const disturbance: fc.Arbitrary<Disturbance> = fc.record({
  kind: fc.constantFrom("attach", "cut", "cut", "hibernate", "hibernate", "evict"),
  watcher: fc.nat({ max: 9 }),
  pauseMs: fc.integer({ min: 0, max: 60 }),
});

test.concurrent("while 5 producers write, watchers come, are cut, and the object is evicted: each union is 1..N in order", async () => {
  let evictions = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(disturbance, { minLength: 20, maxLength: 30 }), async (disturbances) => {
      const { run_id } = await api.createRun();
      // What is under way to an object that the local runtime evicts is never answered.
      const producers = Array.from({ length: 5 }, (_, at) => new NumberedProducer(api, run_id, `p${at}`, 700));
      const watchers = [new FollowingWatcher(api, run_id), new FollowingWatcher(api, run_id, { ack: 30 })];
      let isWriting = true;
      const writing = Promise.all(
        producers.map(async (producer) => {
          // Now and then some hundred KiB, so that segments and slow watchers come about.
          for (let batch = 0; isWriting; batch += 1)
            await producer.deliver(10, batch % 4 === 3 ? "x".repeat(20_000) : "");
        }),
      );
      for (const { kind, watcher, pauseMs } of disturbances) {
        if (kind === "attach") watchers.push(new FollowingWatcher(api, run_id, { ack: watcher * 5 }));
        else if (kind === "cut") watchers[watcher % watchers.length]?.cut();
        else if (await evict(run_id, kind === "evict" ? "close" : "hibernate")) evictions += 1;
        await sleep(pauseMs);
      }
      isWriting = false;
      await writing;
      await api.complete(run_id);
      for (const watcher of watchers) await watcher.ended();
      await wake(run_id);
      const lines = await expectSameInArchive(inspected, run_id);
      expectAcknowledged(
        lines,
        producers.flatMap(({ acknowledged }) => acknowledged),
      );
      for (const watcher of watchers) expect(watcher.lines).toEqual(lines);
    }),
    { numRuns: 2, seed: 5, endOnFailure: true },
  );
  expect(evictions).toBeGreaterThan(10);
});

test.concurrent("hibernated sockets get what comes next, from where they were, and a blocked one the rest as it acknowledges", async () => {
  const { run_id } = await api.createRun();
  const watchers = Array.from({ length: 20 }, () => new Watcher(api, run_id));
  const blocked = new Watcher(api, run_id, { ack: "never" });
  for (const watcher of [...watchers, blocked]) await watcher.got("caught_up");
  // At rest each time: the local runtime does not get over an eviction in the middle of an alarm.
  const evictAtRest = async (): Promise<void> => {
    await sleep(1_000);
    await evict(run_id, "hibernate");
  };
  await evictAtRest();
  for (let batch = 0; batch < 2; batch += 1) {
    await api.add(
      run_id,
      Array.from({ length: 800 }, (_, at) => consoleLine(`${batch}.${at} ${"x".repeat(1_000)}`)),
    );
    await evictAtRest();
  }
  await api.complete(run_id);
  const lines = await api.lines(run_id);
  for (const watcher of watchers) {
    await watcher.closed();
    expect(watcher.lines).toEqual(lines);
  }
  expect(blocked.bytes).toBeLessThanOrEqual(1024 * 1024);
  await evictAtRest();
  for (let acknowledged = 0; blocked.closing === null; await sleep(20)) {
    if (blocked.last > acknowledged) blocked.ack((acknowledged = blocked.last));
  }
  expect(blocked.lines).toEqual(lines);
  // Nobody is behind any more: now the object is emptied.
  await wake(run_id);
  await inspected.archived(run_id);
});

test.concurrent("appends, heartbeats and pings renew a lease, also through evictions and after the lines went to the archive", async () => {
  const make = () => api.createRun({ lease_seconds: 10, end_after_seconds: 60 });
  const [beating, pinging, flushed] = [await make(), await make(), await make()];
  const socket = new ProducerSocket(api, pinging.run_id);
  await socket.frame(0);
  await sleep(4_000);
  const appendedAt = Date.now();
  // A whole segment goes to R2, so that nothing of it is left in the object but what it remembers.
  await api.add(
    flushed.run_id,
    Array.from({ length: 1_100 }, () => consoleLine("x".repeat(1_000))),
  );
  await waitUntil("it is in the archive", async () => (await inspected.keys(flushed.run_id)).length > 0);
  for (let second = 4; second < 12; second += 2) {
    await api.ask("POST", `/api/runs/${beating.run_id}/heartbeat`);
    socket.socket.send("ping");
    for (const { run_id } of [beating, pinging, flushed]) await evict(run_id, "hibernate");
    await sleep(2_000);
  }
  for (const { run_id } of [beating, pinging]) expect(await api.lines(run_id, "types=producer.*")).toEqual([]);
  // The third runs out when it must: ten seconds after its append, not after its beginning.
  await waitUntil("its lease has run out", async () => (await api.run(flushed.run_id)).stale);
  const [lost = "{}"] = await api.lines(flushed.run_id, "types=producer.lost");
  const { created_at, payload } = JSON.parse(lost);
  expect(Date.parse(payload.since)).toBeGreaterThanOrEqual(appendedAt);
  expect(Date.parse(created_at) - Date.parse(payload.since)).toBeGreaterThanOrEqual(10_000);
  socket.socket.close();
});
