import { expect, test } from "vitest";
import { splitLines } from "../../protocol/ndjson.ts";
import { wholeLogKey } from "../../storage/log-keys.ts";
import type { FakeClient } from "../fakes/fake-watchers.ts";
import { completion, line, RUN, RunWorld, type WatchQuery } from "../fakes/run-world.ts";

/** A run of some MB, archived, its object empty. */
async function archivedRun(lines = 40, bytes = 60_000): Promise<RunWorld> {
  const world = new RunWorld();
  world.create();
  for (let at = 0; at < lines; at += 1) world.append({ drafts: [line(`${at} ${"x".repeat(bytes)}`)] });
  world.append({ completes: completion("succeeded") });
  await world.advance(5_000);
  expect(world.log.isEmpty()).toBe(true);
  expect(world.alarm.at).toBeNull();
  return world;
}

/** A watcher as the emptied object lets it in; null when it does not. */
async function stay(world: RunWorld, query: WatchQuery = {}): Promise<FakeClient | null> {
  const archived = await world.run.audience.archivedRun(RUN);
  return archived === null ? null : world.watch({ stay: true, ...query, archived });
}

async function stays(world: RunWorld, query: WatchQuery = {}): Promise<FakeClient> {
  const client = await stay(world, query);
  if (client === null) throw new Error("the archive does not tell of the run");
  return client;
}

async function readAll(world: RunWorld, client: FakeClient): Promise<void> {
  for (let had = -1; had < client.lines.length;) {
    had = client.lines.length;
    world.acknowledge(client);
    await world.settle();
  }
}

test("[ARC6] who stays with an archived run gets every line from the emptied object, caught_up and end once, and sees the others", async () => {
  const world = await archivedRun();
  const [first, second] = [await stays(world), await stays(world, { after: 20 })];
  await readAll(world, first);
  // The object leaves memory in the middle of the second one's history.
  world.evict();
  await readAll(world, second);
  await world.advance(1_500);
  const written = splitLines(world.wholeLog() ?? "").map((text) => `${text}\n`);
  expect(first.lines.map(({ text }) => text)).toEqual(written);
  expect(second.lines.map(({ text }) => text)).toEqual(written.slice(20));
  for (const client of [first, second]) {
    expect(client.ops().filter((op) => op !== "presence")).toEqual(["hello", "caught_up", "end"]);
    expect(client.control[0]).toMatchObject({ run_id: RUN.runId, status: "succeeded", last_sequence: 43 });
    expect(client.closed).toBeNull();
  }
  const watcher = world.watchers.of(second);
  if (watcher === null) throw new Error("it stayed");
  world.run.audience.look(watcher, { first: 3, last: 9, follow: false });
  await world.advance(1_500);
  expect(first.control.at(-1)).toMatchObject({ op: "presence", count: 2 });
  expect(JSON.stringify(first.control.at(-1))).toContain('"first":3,"last":9,"follow":false');
  world.leave(second);
  await world.advance(1_500);
  expect(first.control.at(-1)).toMatchObject({ op: "presence", count: 1 });
  expect(world.log.isEmpty()).toBe(true);
  // Nothing is due for one that only stays.
  expect(world.alarm.at).toBeNull();
});

test("[ARC6] one that is behind goes on by itself after an eviction and after R2 failed, one that is silent is closed, and then no alarm is left", async () => {
  const world = await archivedRun();
  world.archive.interrupt = (call) => {
    if (call === "readLog") throw new Error("R2 is away");
  };
  const [late, silent] = [await stays(world), await stays(world)];
  silent.isReading = false;
  await world.advance(100);
  expect(late.lines).toEqual([]);
  world.evict();
  world.archive.interrupt = () => {};
  await world.advance(5_000);
  expect(late.lines.length).toBeGreaterThan(0);
  await readAll(world, late);
  await world.advance(35_000);
  expect(late.ops().at(-1)).toBe("end");
  expect(silent.closed?.code).toBe(4408);
  for (const client of [late, silent]) world.leave(client);
  await world.settle();
  expect(world.alarm.at).toBeNull();
  expect(world.log.isEmpty()).toBe(true);
});

test("[ARC6] after an eviction the first that is heard lets all go on who were behind", async () => {
  const world = await archivedRun();
  world.archive.interrupt = (call) => (call === "readLog" ? new Promise(() => {}) : undefined);
  const [behind, other] = [await stays(world), await stays(world, { after: 43 })];
  await world.settle();
  expect([behind.lines, other.ops().at(-1)]).toEqual([[], "end"]);
  world.evict();
  world.archive.interrupt = () => {};
  const watcher = world.watchers.of(other);
  if (watcher === null) throw new Error("it stayed");
  world.run.audience.look(watcher, { first: 1, last: 2, follow: true });
  await world.advance(1);
  expect(behind.lines.length).toBeGreaterThan(0);
});

test("[ARC6] a deletion closes who stays with 4404, and lets nobody in any more; a log that is gone is said to be missing", async () => {
  const world = await archivedRun(2, 10);
  const before = await stays(world);
  const coming = world.run.audience.archivedRun(RUN);
  await world.run.erase();
  expect(before.closed).toEqual({ code: 4404, reason: "the run was deleted" });
  // Its manifest was read while the run was deleted.
  expect(await coming).toBeNull();
  expect(await stay(world)).toBeNull();

  const damaged = await archivedRun(2, 10);
  damaged.archive.objects.delete(wholeLogKey(RUN));
  const client = await stays(damaged);
  await damaged.advance(1_000);
  expect(client.closed).toEqual({ code: 4404, reason: "the stored log is missing" });
});

test("[SES1] sockets are closed with 4401 when their sessions end, hibernating or not, of an open run and of an archived one", async () => {
  for (const isArchived of [false, true]) {
    const world = isArchived ? await archivedRun(2, 10) : new RunWorld();
    if (!isArchived) world.create();
    const query = { expiresAt: world.clock.now() + 90_000, stay: true };
    const watch = (more: WatchQuery) => (isArchived ? stays(world, more) : world.watch({ ...more, stay: true }));
    const [soon, later, never] = [
      await watch(query),
      await watch({ ...query, expiresAt: query.expiresAt + 60_000 }),
      await watch({}),
    ];
    const producer = isArchived
      ? null
      : world.producers.open(world.clock.now(), { expiresAt: query.expiresAt + 1_000 });
    if (producer !== null) world.run.producerCame();
    await world.advance(2_000);
    world.evict();
    await world.advance(87_000);
    expect(soon.closed).toBeNull();
    await world.advance(1_001);
    expect(soon.closed?.code).toBe(4401);
    expect(producer?.closed ?? null).toBeNull();
    await world.advance(1_000);
    if (producer !== null) expect(producer.closed?.code).toBe(4401);
    expect(later.closed).toBeNull();
    // The one whose session would be next leaves: with it goes its alarm.
    for (const client of [soon, later]) world.leave(client);
    await world.advance(200_000);
    expect(never.closed).toBeNull();
    expect(world.alarm.at).toBeNull();
  }
});

test("[SES1] an object that is emptied goes on watching over the sessions of those who stay", async () => {
  const world = new RunWorld();
  world.create();
  const expiresAt = world.clock.now() + 100_000;
  const client = world.watch({ stay: true, expiresAt });
  world.append({ completes: completion("succeeded") });
  await world.advance(5_000);
  expect(world.log.isEmpty()).toBe(true);
  expect(world.alarm.at).toBe(expiresAt);
  world.evict();
  await world.advance(95_001);
  expect(client.closed?.code).toBe(4401);
});

test("[SEQ7] the first batch of a newer epoch closes the sockets of the older ones with 4409; a refused one closes none", async () => {
  const world = new RunWorld();
  world.create();
  const open = (id: string, epoch: number) => world.producers.open(world.clock.now(), { id, epoch });
  const [old, older, other, next] = [open("p", 1), open("p", 0), open("q", 0), open("p", 2)];
  world.append({ drafts: [line("x")], producer: { id: "p", epoch: 1, sequence: 1 } });
  expect(older.closed).toEqual({ code: 4409, reason: "fenced by a newer epoch" });
  expect(old.closed).toBeNull();
  expect(world.append({ drafts: [line("x")], producer: { id: "p", epoch: 2, sequence: 2 } })).toMatchObject({
    kind: "refused",
  });
  expect(old.closed).toBeNull();
  world.append({ drafts: [line("x")], producer: { id: "p", epoch: 2, sequence: 1 } });
  expect(old.closed?.code).toBe(4409);
  expect([other.closed, next.closed]).toEqual([null, null]);
});
