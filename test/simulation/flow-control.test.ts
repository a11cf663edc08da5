import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import type { FakeClient } from "../fakes/fake-watchers.ts";
import { completion, line, RunWorld } from "../fakes/run-world.ts";
import { LONG_MS, runs } from "./settings.ts";

const write = (world: RunWorld, lines: number, bytes: number): void =>
  void world.append({ drafts: Array.from({ length: lines }, (_, at) => line(`${at} ${"x".repeat(bytes)}`)) });

/** Every send that leaves more unacknowledged than the rules allow. Collected, because an error thrown into a send is one of a socket. */
function countExactly(world: RunWorld): string[] {
  const broken: string[] = [];
  const before = new Map<FakeClient, number>();
  world.watchers.onSend = (clients) => {
    const total = clients.reduce((sum, client) => sum + client.outstandingBytes, 0);
    const limit = total > LIMITS.runWindowBytes ? LIMITS.crowdedWatcherWindowBytes : LIMITS.watcherWindowBytes;
    for (const client of clients) {
      const was = before.get(client) ?? 0;
      const now = client.outstandingBytes;
      before.set(client, now);
      if (now > was && was > 0 && now > limit) broken.push(`${now} of ${limit} bytes, ${total} in all`);
    }
  };
  return broken;
}

/** Reads and acknowledges until nothing more comes. */
async function readAll(world: RunWorld, client: FakeClient): Promise<void> {
  for (let had = -1; had < client.lines.length;) {
    had = client.lines.length;
    world.acknowledge(client);
    await world.settle();
  }
}

test(
  "[SOC2] [SOC3] [FLOW1] [FLOW3] what a watcher has not acknowledged never passes 1 MiB, and frames are 64 KiB of whole lines or one longer line",
  async () => {
    const action = fc.record({
      lines: fc.integer({ min: 1, max: 40 }),
      bytes: fc.constantFrom(10, 1_000, 20_000, 70_000, 250_000),
      acknowledge: fc.nat(5),
      upTo: fc.double({ min: 0, max: 1, noNaN: true }),
      evict: fc.constantFrom(false, false, false, true),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async (actions) => {
        const world = new RunWorld();
        const broken = countExactly(world);
        world.create();
        const clients = [world.watch(), world.watch({ types: ["console.line"] }), world.watch()];
        for (const { lines, bytes, acknowledge, upTo, evict } of actions) {
          write(world, bytes > 10_000 ? Math.min(lines, 8) : lines, bytes);
          if (evict) world.evict();
          await world.advance(1);
          const client = clients[acknowledge];
          const last = client?.lines.at(-1)?.sequence;
          // Any position may be acknowledged, also one in the middle of a frame or an old one.
          if (client !== undefined && last !== undefined) world.acknowledge(client, Math.floor(last * upTo));
        }
        expect(broken).toEqual([]);
        for (const client of clients) {
          for (const [at, bytes] of client.frameBytes.entries()) {
            if (client.frameLines[at] !== 1) expect(bytes).toBeLessThanOrEqual(LIMITS.frameBytes);
          }
        }
      }),
      runs(40),
    );
  },
  LONG_MS,
);

test("[FLOW2] with the run's 32 MiB outstanding, each watcher goes on with 128 KiB", async () => {
  const world = new RunWorld();
  const broken = countExactly(world);
  world.create();
  write(world, 1, 10);
  for (let batch = 0; batch < 4; batch += 1) write(world, 10, 60_000);
  // 40 of them stop reading with a full window each: together more than the run may have outstanding.
  const stalled = Array.from({ length: 40 }, () => {
    const client = world.watch();
    client.isReading = false;
    return client;
  });
  await world.advance(1);
  expect(stalled.reduce((sum, client) => sum + client.outstandingBytes, 0)).toBeGreaterThan(
    LIMITS.runWindowBytes * 0.95,
  );
  const reader = world.watch();
  for (let round = 0; round < 100; round += 1) {
    world.acknowledge(reader);
    await world.advance(1);
  }
  expect(reader.lines.at(-1)?.sequence).toBe(43);
  expect(broken).toEqual([]);
});

test("[SOC4] [FLOW4] [FAN2] a watcher that stalls for 30 s is closed 4408 with where to resume; who reads again in time gets everything, and nobody else waits", async () => {
  const world = new RunWorld();
  world.create();
  const [silent, late, good] = [world.watch(), world.watch(), world.watch()];
  silent.isReading = false;
  late.isReading = false;
  const readings: number[] = [];
  for (let second = 0; second < 29; second += 1) {
    write(world, 1, 100_000);
    world.acknowledge(good);
    readings.push(good.lines.length);
    await world.advance(1_000);
  }
  // Ten frames of 100,000 bytes fit, so the limit was reached at second 10; nobody may be closed before second 40.
  expect(silent.closed).toBeNull();
  expect(readings.at(-1)).toBe(1 + 1 + 29);
  world.acknowledge(late);
  await readAll(world, late);
  expect(late.lines.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 31 }, (_, at) => at + 1));
  await world.advance(12_000);
  silent.read();
  silent.isReading = true;
  silent.read();
  const lastSent = silent.lines.at(-1)?.sequence ?? 0;
  expect(silent.closed).toEqual({ code: 4408, reason: `resume after ${lastSent}` });
  expect(late.closed).toBeNull();
  // It does not answer the close: nothing is due for it any more.
  const sets = world.alarm.sets;
  await world.advance(50_000);
  expect(world.alarm.sets - sets).toBeLessThan(5);
  const resumed = world.watch({ after: lastSent });
  await readAll(world, resumed);
  expect([...silent.lines, ...resumed.lines].map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 31 }, (_, at) => at + 1),
  );
});

test("[FLOW4] an old acknowledgement again is no acknowledgement; a new one that frees nothing yet is", async () => {
  const world = new RunWorld();
  world.create();
  const [repeats, creeps] = [world.watch(), world.watch()];
  for (const client of [repeats, creeps]) client.isReading = false;
  for (let batch = 0; batch < 3; batch += 1) write(world, 4, 100_000);
  for (let second = 1; second < 40; second += 1) {
    await world.advance(1_000);
    const watcher = world.watchers.of(repeats);
    if (watcher !== null && repeats.closed === null) world.run.acknowledge(watcher, 1);
    const other = world.watchers.of(creeps);
    if (other !== null && second === 20) world.run.acknowledge(other, 3);
  }
  expect(repeats.closed?.code).toBe(4408);
  expect(creeps.closed).toBeNull();
});

test("[FLOW1] a stalled watcher costs an append nothing: the log is not read for it again", async () => {
  const world = new RunWorld();
  world.create();
  const stalled = world.watch();
  stalled.isReading = false;
  for (let batch = 0; batch < 5; batch += 1) write(world, 4, 60_000);
  await world.advance(1);
  const before = world.life.names.filter((name) => name.includes("windowAfter")).length;
  for (let batch = 0; batch < 50; batch += 1) write(world, 1, 10);
  expect(world.life.names.filter((name) => name.includes("windowAfter")).length).toBe(before);
});

test("[FAN2] [ALM1] a watcher whose history cannot be read is served as soon as R2 works, with no line and no acknowledgement to remind of it", async () => {
  const world = new RunWorld();
  world.create();
  write(world, 3, 10);
  await world.advance(61_000);
  expect(world.log.load()?.segments).toHaveLength(1);
  world.archive.interrupt = () => {
    throw new Error("R2 is away");
  };
  const client = world.watch();
  await world.advance(5_000);
  expect(client.lines).toEqual([]);
  expect(world.alarm.at).not.toBeNull();
  expect(world.reports.map(({ event }) => event)).toContain("watcher_not_served");
  // Also when the object is evicted meanwhile: the alarm brings it back.
  world.evict();
  world.archive.interrupt = () => {};
  await world.advance(60_000);
  expect(client.lines).toHaveLength(5);
  await world.advance(60_000);
  expect(world.alarm.at).toBeNull();
});

test("[FAN3] [FAN4] caught_up comes once, at the head; end once, last, also for who waited beyond the head or filters everything out", async () => {
  const world = new RunWorld();
  world.create();
  const clients = [
    world.watch(),
    world.watch({ after: 40 }),
    world.watch({ types: ["step.*"] }),
    world.watch({ stay: true }),
  ];
  write(world, 3, 10);
  world.evict();
  write(world, 3, 10);
  await world.advance(10);
  world.append({ completes: completion("succeeded") });
  await world.advance(2_000);
  const written = (world.wholeLog() ?? "").split("\n").length - 1;
  for (const [at, client] of clients.entries()) {
    expect(client.ops().filter((op) => op !== "presence")).toEqual(["hello", "caught_up", "end"]);
    expect(client.control.find(({ op }) => op === "end")).toEqual({
      op: "end",
      status: "succeeded",
      last_sequence: written,
      sha256: world.manifest()?.sha256,
    });
    expect(client.control.find(({ op }) => op === "caught_up")).toEqual({
      op: "caught_up",
      sequence: at === 1 ? 40 : 1,
    });
    expect(client.closed).toEqual(at === 3 ? null : { code: 1000, reason: "the run has ended" });
  }
  expect(clients.map((client) => client.lines.length)).toEqual([written, 0, 0, written]);
});
