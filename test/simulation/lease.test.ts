import { expect, test } from "vitest";
import { parseLine } from "../../protocol/ndjson.ts";
import { completion, event, line, RunWorld } from "../fakes/run-world.ts";

const types = (world: RunWorld): string[] => world.lines().flatMap((text) => parseLine(text)?.type ?? []);
const run = (world: RunWorld) => {
  const described = world.run.describe();
  if (described.kind !== "run") throw new Error("the run is gone");
  return described.run;
};
function leased(endAfterSeconds: number): RunWorld {
  const world = new RunWorld();
  world.create({ lease_seconds: 60, end_after_seconds: endAfterSeconds });
  world.append({ drafts: [event("run.started")] });
  return world;
}

test("[LEASE3] when the lease runs out the run is stale and told; a heartbeat or an append brings its producer back", async () => {
  const world = leased(86_400);
  const client = world.watch();
  await world.advance(59_999);
  expect(run(world).stale).toBe(false);
  await world.advance(2);
  expect(run(world)).toMatchObject({ stale: true, status: "running" });
  await world.advance(1_000);
  expect(world.published.at(-1)?.run.stale).toBe(true);
  world.run.heartbeat();
  expect(run(world).stale).toBe(false);
  await world.advance(61_000);
  expect(run(world).stale).toBe(true);
  world.append({ drafts: [line("back")] });
  expect(run(world).stale).toBe(false);
  await world.advance(1_000);
  const told = client.lines.map(({ type }) => type);
  expect(told).toEqual([
    "run.queued",
    "run.started",
    "producer.lost",
    "producer.returned",
    "producer.lost",
    "producer.returned",
    "console.line",
  ]);
  expect(parseLine(world.lines()[2] ?? "")?.payload).toEqual({ last_sequence: 2, since: "2026-11-21T02:30:00.000Z" });
});

test("[LEASE3] a producer that does not come back within end_after_seconds ends the run as failed, PRODUCER_LOST", async () => {
  const world = leased(600);
  await world.advance(60_001 + 599_000);
  expect(run(world).status).toBe("running");
  await world.advance(2_000);
  expect(world.manifest()).toMatchObject({ status: "failed" });
  expect((await world.index.get("01931b9e-0000-7000-8000-000000000001"))?.run.failure).toMatchObject({
    code: "PRODUCER_LOST",
  });
  // No request has brought this end, and yet the list is told of it.
  expect(world.published.at(-1)?.run).toMatchObject({ status: "failed", stale: false });
  const atOnce = leased(0);
  await atOnce.advance(60_001);
  expect(types(atOnce).slice(-2)).toEqual(["producer.lost", "run.completed"]);
});

test("[LEASE1] appends, empty batches, repeats, heartbeats and pings renew the lease, across evictions and after the archive took the lines", async () => {
  const renew: ((world: RunWorld, round: number) => void)[] = [
    (world) => void world.append({ drafts: [line("x")] }),
    (world, round) => void world.append({ producer: { id: "p", epoch: 0, sequence: round } }),
    (world) => void world.append({ drafts: [line("x")], producer: { id: "p", epoch: 0, sequence: 1 } }),
    (world) => void world.run.heartbeat(),
    (world) => {
      world.producers.cut();
      world.producers.open(world.clock.now());
    },
  ];
  for (const [at, how] of renew.entries()) {
    const world = leased(0);
    for (let round = 1; round <= 6; round += 1) {
      await world.advance(3_000);
      world.evict();
      // Whoever asks makes the object look at what is due.
      run(world);
      await world.advance(52_000);
      how(world, round);
      // Just after the renewal, and again after the next segment went with the rows that told of it.
      if (round % 2 === 0) world.evict();
      await world.advance(3_000);
      world.evict();
    }
    expect(types(world), `way ${at}`).not.toContain("producer.lost");
    for (const heardAt of world.producers.cut()) world.run.producerLeft(heardAt);
    await world.advance(61_000);
    expect(types(world), `way ${at}`).toContain("producer.lost");
  }
});

test("[LEASE1] a produce socket that closes leaves behind when its producer was last heard", async () => {
  const world = leased(0);
  for (let round = 0; round < 10; round += 1) {
    await world.advance(15_000);
    world.producers.cut();
    world.producers.open(world.clock.now());
  }
  const [last] = world.producers.cut();
  world.run.producerLeft(last ?? 0);
  world.evict();
  await world.advance(59_000);
  expect(types(world)).not.toContain("producer.lost");
  await world.advance(2_000);
  expect(types(world)).toContain("producer.lost");
});

test("[LEASE3] a producer that only pings after it was lost has come back before its run is ended", async () => {
  const world = leased(600);
  await world.advance(61_000);
  expect(run(world).stale).toBe(true);
  for (let second = 0; second < 700; second += 15) {
    world.producers.cut();
    world.producers.open(world.clock.now());
    await world.advance(15_000);
  }
  expect(run(world)).toMatchObject({ status: "running", stale: false });
});

test("[LEASE2] the time the server was away counts neither for the lease nor for the end of an abandoned run", async () => {
  const world = leased(0);
  world.kill();
  world.clock.ms += 3_600_000;
  await world.advance(0);
  expect(run(world)).toMatchObject({ status: "running", stale: false });
  // One whole lease from now, although the object is evicted and asked about meanwhile.
  for (let second = 0; second < 59; second += 1) {
    await world.advance(1_000);
    world.evict();
    expect(run(world).status).toBe("running");
  }
  await world.advance(1_001);
  expect(types(world).slice(-2)).toEqual(["producer.lost", "run.completed"]);

  const lost = leased(600);
  await lost.advance(61_000);
  lost.kill();
  lost.clock.ms += 3_600_000;
  // A client is faster than the alarm: the answer is the same.
  expect(run(lost)).toMatchObject({ status: "running", stale: true });
  await lost.advance(58_000);
  expect(run(lost).status).toBe("running");
  lost.run.heartbeat();
  await lost.advance(50_000);
  expect(run(lost)).toMatchObject({ status: "running", stale: false });
});

test("[ALM1] nothing due, no alarm: a queued run without a lease, an open one whose lines are archived, an ended one that is emptied", async () => {
  const world = new RunWorld();
  world.create();
  await world.advance(61_000);
  expect(world.alarm.at).toBeNull();
  world.append({ drafts: [line("x")] });
  expect(world.alarm.at).not.toBeNull();
  await world.advance(61_000);
  expect(world.alarm.at).toBeNull();
  world.watch();
  await world.advance(61_000);
  expect(world.alarm.at).toBeNull();
  world.append({ completes: completion("succeeded") });
  await world.advance(1_000);
  expect(world.alarm.at).toBeNull();
  expect(world.log.isEmpty()).toBe(true);
});

test("[ALM1] an append does not move an alarm that comes early enough: that would cost a row each", async () => {
  const world = leased(600);
  await world.advance(2_000);
  const { sets } = world.alarm;
  for (let at = 0; at < 100; at += 1) {
    world.append({ drafts: [line("x")] });
    await world.advance(100);
  }
  expect(world.alarm.sets - sets).toBeLessThanOrEqual(2);
});

test("[ALM2] an alarm that fails is set again, later each time, and what was due is done once the storage works", async () => {
  const world = leased(0);
  await world.advance(59_000);
  for (let time = 0; time < 10; time += 1) {
    world.life.failsAtStep = world.life.steps + 3;
    await world.advance(2_000);
  }
  world.life.failsAtStep = null;
  expect(world.wakeErrors).toEqual([]);
  await world.advance(120_000);
  expect(types(world).slice(-2)).toEqual(["producer.lost", "run.completed"]);
});

test("[ALM2] R2 that hangs does not hold up a lease", async () => {
  const world = new RunWorld();
  world.create({ lease_seconds: 90, end_after_seconds: 86_400 });
  // The first lines go to R2 after a minute and never come back.
  world.archive.interrupt = () => new Promise(() => {});
  await world.advance(90_000 + 11_000);
  expect(run(world).stale).toBe(true);
});
