import fc from "fast-check";
import { expect, test } from "vitest";
import { segmentKey, wholeLogKey } from "../../storage/log-keys.ts";
import { completion, line, RUN, RunWorld } from "../fakes/run-world.ts";
import { runs } from "./settings.ts";

const HOUR_MS = 3_600_000;
const refuse = (): never => {
  throw new Error("R2 is away");
};

/** A run that has ended, none of whose lines are in R2 yet: one segment is planned, another is still to be. */
async function endedRun(): Promise<{ world: RunWorld; written: string }> {
  const world = new RunWorld();
  world.create();
  world.archive.interrupt = refuse;
  world.append({ drafts: [line("é 1"), line("x".repeat(40))] });
  await world.advance(61_000);
  world.append({ drafts: [line("é 2")], completes: completion("succeeded") });
  await world.settle();
  world.archive.interrupt = () => {};
  return { world, written: world.logText() };
}

/** Where the segment that is put next goes. */
function plannedKey(world: RunWorld): string | null {
  const planned = world.log.load()?.segments.at(-1);
  return planned === undefined || planned.sha256 !== null ? null : segmentKey(RUN, planned);
}

function expectArchived(world: RunWorld, written: string): void {
  expect(world.wholeLog()).toBe(written);
  expect(world.manifest()?.damaged).toBeUndefined();
  expect([...world.archive.objects.keys()].filter((key) => key.includes("/segments/"))).toEqual([]);
  expect(world.log.isEmpty()).toBe(true);
  expect(world.alarm.at).toBeNull();
}

const stray = fc.option(fc.string(), { nil: null });

test("[ARC7] whatever lies where segments are to be, and wherever the object is killed, the archive comes to hold what the run holds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.tuple(stray, stray), fc.nat(120), async (strays, kill) => {
      const { world, written } = await endedRun();
      const seen = new Set<string>();
      world.archive.interrupt = (call) => {
        const key = plannedKey(world);
        if (call !== "putSegment" || key === null || seen.has(key)) return;
        const bytes = strays[seen.size] ?? null;
        seen.add(key);
        if (bytes !== null) world.archive.objects.set(key, Buffer.from(bytes));
      };
      world.life.endsAtStep = world.life.steps + kill;
      await world.advance(60_000);
      if (world.life.isOver) world.kill();
      await world.advance(600_000);
      expectArchived(world, written);
      expect(seen.size).toBe(2);
      expect((await world.index.get(RUN.runId))?.run).toMatchObject({ status: "succeeded", incomplete: false });
    }),
    runs(200),
  );
});

test("[ARC7] what changes between a look and the replacing is looked at again, and what is replaced is told", async () => {
  const { world, written } = await endedRun();
  const key = plannedKey(world) ?? "";
  world.archive.objects.set(key, Buffer.from("one"));
  let changes = 0;
  world.archive.interrupt = (call) => {
    if (call !== "replaceSegment" || changes === 3) return;
    changes += 1;
    world.archive.objects.set(key, Buffer.from(`another ${changes}`));
  };
  await world.advance(600_000);
  expect(changes).toBe(3);
  expectArchived(world, written);
  const told = world.reports.filter(({ event }) => event === "segment_replaced");
  expect(told).toHaveLength(4);
  expect(told[0]?.facts).toMatchObject({ first: 1, last: 4 });
});

test("[ARC7] [ARC8] an object whose storage is another's by now undoes nothing that has been put since", async () => {
  for (const isOwner of [true, false]) {
    const { world } = await endedRun();
    const key = plannedKey(world) ?? "";
    world.archive.objects.set(key, Buffer.from("newer"));
    // As on the platform: what was read before is still there to be read, but no write is taken any more.
    if (!isOwner) for (const write of ["putSegment", "putArchive"] as const) world.log[write] = refuse;
    world.archive.interrupt = (call) => void (call === "deleteSegments" && refuse());
    await world.advance(600_000);
    expect(world.archive.objects.get(key)?.toString() === "newer").toBe(!isOwner);
  }
  for (const isOwner of [true, false]) {
    const { world } = await endedRun();
    let isDue = false;
    world.archive.interrupt = (call) => {
      if (call === "hashLog") world.archive.objects.set(wholeLogKey(RUN), Buffer.from("wrong"));
      if (call === "deleteLog" && !isDue) refuse();
    };
    await world.advance(10_000);
    world.archive.objects.set(wholeLogKey(RUN), Buffer.from("newer"));
    isDue = true;
    if (!isOwner) world.log.putArchive = refuse;
    await world.advance(20_000);
    expect(world.archive.objects.has(wholeLogKey(RUN))).toBe(!isOwner);
  }
});

test("[ARC8] a log that comes back wrong is made again, ever more rarely, whatever is evicted meanwhile; its lines are read from the segments until it is right", async () => {
  const { world, written } = await endedRun();
  let made = 0;
  let isWell = false;
  world.archive.interrupt = (call) => {
    if (call === "putLog") made += 1;
    if (call === "hashLog" && !isWell) world.archive.objects.set(wholeLogKey(RUN), Buffer.from("something else"));
  };
  await world.advance(50_000);
  expect(made).toBe(1);
  for (let hour = 1; hour <= 24; hour += 1) {
    await world.advance(HOUR_MS);
    expect(world.wholeLog()).toBeNull();
    expect(world.logText()).toBe(written);
    world.evict();
  }
  // 1, 2, 4 … 32 minutes, and from then on one an hour.
  expect(made).toBeGreaterThan(24);
  expect(made).toBeLessThan(32);
  const client = world.watch();
  await world.settle();
  expect(client.lines.map(({ text }) => text).join("")).toBe(written);
  expect((await world.index.get(RUN.runId))?.run).toMatchObject({ status: "succeeded", incomplete: false });
  expect(world.reports.filter(({ event }) => event === "log_wrong").map(({ facts }) => facts["count"])).toEqual(
    Array.from({ length: made }, (_, at) => at + 1),
  );
  isWell = true;
  world.leave(client);
  await world.advance(2 * HOUR_MS);
  expectArchived(world, written);
});

test("[ARC8] [ARC2] killed between any two steps of it, a log that came back wrong once is right in the end", async () => {
  for (let kill = 1; ; kill += 1) {
    const { world, written } = await endedRun();
    let isWrong = true;
    world.archive.interrupt = (call) => {
      if (call !== "hashLog" || !isWrong) return;
      isWrong = false;
      world.archive.objects.set(wholeLogKey(RUN), Buffer.from("something else"));
    };
    world.life.endsAtStep = world.life.steps + kill;
    await world.advance(200_000);
    const isKilled = world.life.isOver;
    if (isKilled) world.kill();
    await world.advance(600_000);
    expectArchived(world, written);
    if (!isKilled) break;
    expect(kill).toBeLessThan(300);
  }
});
