import fc from "fast-check";
import { expect, test } from "vitest";
import { parseLine, splitLines } from "../../protocol/ndjson.ts";
import { completion, line, RUN, RunWorld } from "../fakes/run-world.ts";
import { LONG_MS, runs } from "./settings.ts";

/** What somebody did to a segment. */
const damage = fc.record({
  segment: fc.nat(),
  how: fc.constantFrom("deleted", "a byte changed", "cut off", "longer", "emptied", "a line left out"),
  at: fc.nat(),
  byte: fc.integer({ min: 1, max: 255 }),
});
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function spoil(world: RunWorld, { segment, how, at, byte }: Damage): void {
  const keys = [...world.archive.objects.keys()].filter((key) => key.includes("/segments/"));
  const key = keys[segment % keys.length] ?? "";
  const bytes = world.archive.objects.get(key);
  if (bytes === undefined || bytes.length === 0) return;
  const place = at % bytes.length;
  if (how === "deleted") world.archive.objects.delete(key);
  else if (how === "emptied") world.archive.objects.set(key, Buffer.alloc(0));
  else if (how === "cut off") world.archive.objects.set(key, bytes.subarray(0, place));
  else if (how === "longer") world.archive.objects.set(key, Buffer.concat([bytes, Buffer.from("what is this")]));
  else if (how === "a byte changed") {
    const changed = Buffer.from(bytes);
    changed[place] = (changed[place] ?? 0) ^ byte;
    world.archive.objects.set(key, changed);
  } else {
    const lines = bytes.toString().trimEnd().split("\n");
    const left = lines.toSpliced(at % lines.length, 1).map((one) => `${one}\n`);
    world.archive.objects.set(key, Buffer.from(left.join("")));
  }
}

/** An open run all of whose lines are in segments. */
async function openRun(size: "small" | "large"): Promise<RunWorld> {
  const world = new RunWorld();
  world.create();
  for (let batch = 0; batch < 5; batch += 1) {
    world.append({ drafts: [line(`é ${batch}`), line("x".repeat(40)), line("z")] });
    await world.advance(61_000);
  }
  // Four of these are a segment, 35 need a second part.
  for (let more = 0; size === "large" && more < 40; more += 1) {
    world.append({ drafts: [line("y".repeat(240_000))] });
    await world.settle();
  }
  await world.advance(61_000);
  return world;
}

/** Everything that must hold of the archive of a run some of whose segments were damaged. */
async function expectSalvaged(world: RunWorld, written: string[], intact: ReadonlySet<string>): Promise<void> {
  expect(world.log.isEmpty()).toBe(true);
  expect(world.alarm.at).toBeNull();
  const log = world.wholeLog() ?? "";
  const lines = log.split("\n");
  expect(lines.pop()).toBe("");
  const manifest = world.manifest();
  const lost = (sequence: number): boolean =>
    manifest?.damaged?.some(({ first, last }) => first <= sequence && last >= sequence) ?? false;
  let latest = 0;
  for (const one of lines) {
    const sequence = parseLine(one)?.sequence ?? 0;
    // Nothing is made up, put elsewhere or numbered anew; what is not as it was written is named.
    expect(sequence).toBeGreaterThan(latest);
    if (one !== written[sequence - 1]) expect(lost(sequence)).toBe(true);
    latest = sequence;
  }
  const there = new Set(lines);
  for (const [at, one] of written.entries()) {
    if (intact.has(one)) expect(there.has(one) && !lost(at + 1)).toBe(true);
    if (!there.has(one)) expect(lost(at + 1)).toBe(true);
  }
  expect(manifest?.events).toBe(written.length);
  const isLess = manifest?.damaged !== undefined;
  expect((await world.index.get(RUN.runId))?.run).toMatchObject({ status: "succeeded", incomplete: isLess });
  if (!isLess) expect(lines).toEqual(written);
  const stored = manifest?.segments.reduce((sum, { bytes, stored_bytes }) => sum + (stored_bytes ?? bytes), 0);
  expect(stored).toBe(Buffer.byteLength(log));
}

/** Lines that stand in segments nobody touched, or were not in one yet. */
function intactLines(world: RunWorld, written: string[]): Set<string> {
  const intact = new Set(written);
  const tail = world.run.tail(0);
  for (const { firstSequence, lastSequence } of tail.kind === "tail" ? tail.segments : []) {
    const own = written.slice(firstSequence - 1, lastSequence);
    const text = own.map((one) => `${one}\n`).join("");
    const isAsWritten = [...world.archive.objects.values()].some((bytes) => bytes.toString() === text);
    if (!isAsWritten) for (const one of own) intact.delete(one);
  }
  return intact;
}

/** Damages a run, ends it while R2 is away, and tells what was written and what of it nobody touched. */
function endDamaged(world: RunWorld, damages: Damage[]): { written: string[]; intact: Set<string> } {
  const stored = world.lines();
  for (const one of damages) spoil(world, one);
  const intact = intactLines(world, stored);
  world.archive.interrupt = () => {
    throw new Error("R2 is away");
  };
  world.append({ completes: completion("succeeded") });
  world.archive.interrupt = () => {};
  const hot = [...world.log.batchesAfter(stored.length)].flatMap(({ lines }) => splitLines(lines));
  return { written: [...stored, ...hot], intact: new Set([...intact, ...hot]) };
}

for (const { name, size, few } of [
  { name: "one put", size: "small" as const, few: 150 },
  { name: "several parts", size: "large" as const, few: 5 },
]) {
  test(
    `[DMG1] [DMG2] whatever happened to segments, a run is archived in ${name}: what is right is there, what is not is named, nothing is made up`,
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(damage, { maxLength: 4 }), async (damages) => {
          const world = await openRun(size);
          const { written, intact } = endDamaged(world, damages);
          await world.advance(600_000);
          await expectSalvaged(world, written, intact);
        }),
        runs(few),
      );
    },
    LONG_MS,
  );
}

test(
  "[DMG1] killed between any two steps of it, the archive of a damaged run comes to an end all the same",
  async () => {
    const damages: Damage[] = [
      { segment: 1, how: "deleted", at: 0, byte: 1 },
      { segment: 1, how: "a byte changed", at: 200, byte: 1 },
    ];
    for (let kill = 1; ; kill += 1) {
      const world = await openRun("small");
      const { written, intact } = endDamaged(world, damages);
      world.life.endsAtStep = world.life.steps + kill;
      await world.advance(60_000);
      const isKilled = world.life.isOver;
      if (isKilled) world.kill();
      await world.advance(600_000);
      await expectSalvaged(world, written, intact);
      expect(world.manifest()?.damaged).not.toBeUndefined();
      if (!isKilled) break;
      expect(kill).toBeLessThan(200);
    }
  },
  LONG_MS,
);

test("[DMG1] a segment that somebody damages when parts of the archive are there already, and one that is put back", async () => {
  const world = await openRun("large");
  const key = [...world.archive.objects.keys()].findLast((name) => name.includes("/segments/")) ?? "";
  const bytes = world.archive.objects.get(key);
  if (bytes === undefined) throw new Error("no segment");
  const { written } = endDamaged(world, []);
  let parts = 0;
  let isBegunAnew = false;
  world.archive.interrupt = (call) => {
    if (call === "uploadPart") parts += 1;
    // Behind the first part, and right again when the whole is begun anew.
    if (call === "abortUpload") isBegunAnew = true;
    if (call === "readSegments" && parts > 0) world.archive.objects.set(key, isBegunAnew ? bytes : bytes.subarray(10));
  };
  await world.advance(600_000);
  expect(parts).toBeGreaterThan(2);
  expect(world.reports.map(({ event }) => event)).toContain("segment_damaged");
  expect(world.reports.map(({ event }) => event)).toContain("segment_mended");
  expect(world.lines()).toEqual(written);
  expect(world.manifest()?.damaged).toBeUndefined();
  expect((await world.index.get(RUN.runId))?.run.incomplete).toBe(false);
});

test("[DMG1] the end of a run that lacks something has no hash; that of one that lacks nothing has it", async () => {
  for (const damages of [[], [{ segment: 2, how: "deleted" as const, at: 0, byte: 1 }]]) {
    const world = await openRun("small");
    endDamaged(world, damages);
    await world.advance(600_000);
    const archived = await world.run.audience.archivedRun(RUN);
    expect(archived?.sha256 === null).toBe(damages.length > 0);
    expect(world.manifest()?.sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});

test("[DMG2] a watcher that is fed from a damaged segment finds it out, once, and the run is incomplete until its log is whole", async () => {
  const world = await openRun("small");
  const [key = ""] = [...world.archive.objects.keys()].filter((name) => name.includes("/segments/"));
  const bytes = world.archive.objects.get(key) ?? Buffer.alloc(0);
  world.archive.objects.set(key, Buffer.concat([Buffer.from("["), bytes.subarray(1)]));
  const before = world.log.outbox().revision;
  for (const client of [world.watch(), world.watch()]) {
    await world.settle();
    expect(client.ops()).toContain("damaged");
  }
  await world.settle();
  expect(world.log.outbox().revision).toBe(before + 1);
  world.evict();
  expect(world.run.describe()).toMatchObject({ run: { incomplete: true } });
  await world.advance(2_000);
  expect((await world.index.get(RUN.runId))?.run.incomplete).toBe(true);
  // The archive is made of what is right, and that is all of it.
  world.archive.objects.set(key, bytes);
  endDamaged(world, []);
  await world.advance(600_000);
  expect((await world.index.get(RUN.runId))?.run.incomplete).toBe(false);
});

test("[DMG2] found in the archive by who stays with it, the index knows it though the object is empty", async () => {
  const world = await openRun("small");
  const { written } = endDamaged(world, []);
  await world.advance(600_000);
  expect(world.log.isEmpty()).toBe(true);
  const key = [...world.archive.objects.keys()].find((name) => name.endsWith("events.ndjson")) ?? "";
  world.archive.objects.set(
    key,
    Buffer.from(
      written
        .map((one) => `${one}\n`)
        .join("")
        .replace("{", "["),
    ),
  );
  const archived = await world.run.audience.archivedRun(RUN);
  const client = world.watch({ stay: true, archived });
  await world.settle();
  expect(client.ops()).toContain("damaged");
  expect((await world.index.get(RUN.runId))?.run.incomplete).toBe(true);
  expect(world.log.isEmpty()).toBe(true);
});
