import { expect, test } from "vitest";
import { decideEdit, detailsOf, type Details } from "../../core/run/edits.ts";
import { Killed } from "../fakes/life.ts";
import { completion, line, RUN, RunWorld } from "../fakes/run-world.ts";
import { LONG_MS } from "./settings.ts";

const edit = (world: RunWorld, change: { name?: string | null; labels?: Record<string, string>; pinned?: boolean }) =>
  world.run.edit({ change, expected: null });
const shown = async (world: RunWorld) => (await world.index.get(RUN.runId))?.run;

test("[EDIT1] an edit changes what it names and nothing else, is in the index and the list at once, and leaves the log alone", async () => {
  const world = new RunWorld();
  world.create({ name: "nightly", labels: { team: "data" } });
  await world.run.settle();
  const before = world.logText();
  expect(edit(world, { pinned: true })).toMatchObject({ kind: "edited", run: { name: "nightly", pinned: true } });
  await world.run.settle();
  expect(await shown(world)).toMatchObject({ name: "nightly", labels: { team: "data" }, pinned: true });
  expect(world.published.at(-1)?.run).toMatchObject({ pinned: true });
  edit(world, { name: null, labels: { a: "b" } });
  await world.run.settle();
  expect(await shown(world)).toMatchObject({ name: null, labels: { a: "b" }, pinned: true });
  expect(world.logText()).toBe(before);
});

test("[EDIT1] what an edit does not change costs nothing", async () => {
  const world = new RunWorld();
  world.create({ name: "nightly", labels: { a: "1", b: "2" } });
  await world.run.settle();
  const { revision } = world.log.outbox();
  expect(edit(world, { name: "nightly", labels: { b: "2", a: "1" }, pinned: false })).toMatchObject({ kind: "edited" });
  expect(edit(world, {})).toMatchObject({ kind: "edited" });
  expect(world.log.outbox().revision).toBe(revision);
});

test("[EDIT1] an edit stands over every later projection: status, eviction, archive", async () => {
  const world = new RunWorld();
  world.create({ name: "as made" });
  edit(world, { name: "edited", pinned: true });
  world.append({ drafts: [line("one")] });
  world.evict();
  expect(world.run.describe()).toMatchObject({ run: { name: "edited", pinned: true, status: "running" } });
  world.append({ completes: completion("succeeded") });
  await world.advance(1_000);
  expect(world.log.isEmpty()).toBe(true);
  expect(await shown(world)).toMatchObject({ name: "edited", pinned: true, status: "succeeded" });
  expect(edit(world, { pinned: false })).toEqual({ kind: "unknown" });
});

test("[EDIT1] a run that D1 does not take is not emptied, also when it was edited after everything else was done", async () => {
  const world = new RunWorld();
  world.create();
  const stalled = world.watch();
  stalled.isReading = false;
  for (let batch = 0; batch < 3; batch += 1)
    world.append({ drafts: Array.from({ length: 4 }, () => line("x".repeat(200_000))) });
  world.append({ completes: completion("succeeded") });
  await world.advance(1_000);
  // Held for its watcher alone: all the rest is in R2 and D1.
  expect(world.log.load()?.archive).toEqual({ phase: "cleared" });
  world.indexFails = true;
  edit(world, { name: "late" });
  world.kill();
  await world.advance(120_000);
  expect(world.log.isEmpty()).toBe(false);
  world.indexFails = false;
  await world.advance(120_000);
  expect(await shown(world)).toMatchObject({ name: "late" });
  expect(world.log.isEmpty()).toBe(true);
});

test(
  "[EDIT1] killed between any two steps, an acknowledged edit is shown for ever, before the end and after it",
  async () => {
    for (let killAt = 1; ; killAt += 1) {
      const world = new RunWorld();
      world.life.endsAtStep = killAt;
      const survives = (call: () => { kind?: string } | object): object => {
        try {
          return call();
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          world.kill();
          return call();
        }
      };
      survives(() => world.create());
      survives(() => edit(world, { name: "open" }));
      await world.advance(0);
      if (world.life.isOver) world.kill();
      survives(() =>
        world.append({ completes: completion("succeeded"), producer: { id: "p", epoch: 0, sequence: 1 } }),
      );
      const late = survives(() => edit(world, { pinned: true }));
      expect(late).toMatchObject({ kind: "edited" });
      const wasKilled = world.life.isOver;
      if (wasKilled) world.kill();
      const stillToCome = world.life.endsAtStep !== null;
      await world.advance(600_000);
      if (world.life.isOver) world.kill();
      await world.advance(600_000);
      expect(await shown(world), `killed at ${killAt}`).toMatchObject({
        name: "open",
        pinned: true,
        status: "succeeded",
      });
      expect(world.log.isEmpty()).toBe(true);
      if (stillToCome && world.life.steps < killAt) break;
    }
  },
  LONG_MS,
);

test("[EDIT1] a transaction that fails leaves run and index as they were", () => {
  const world = new RunWorld();
  world.create({ name: "as made" });
  const from = world.life.steps;
  edit(world, { name: "counted" });
  const steps = world.life.names.slice(from).indexOf("before log.putOutbox") + 1;
  const other = new RunWorld();
  other.create({ name: "as made" });
  other.life.failsAtStep = other.life.steps + steps;
  expect(() => edit(other, { name: "lost" })).toThrow("failed at step");
  expect(other.run.describe()).toMatchObject({ run: { name: "as made" } });
});

test("[EDIT2] an edit made for other details than there are is refused and changes nothing; the order of labels is none", () => {
  const details: Details = { name: "a", labels: { x: "1", y: "2" }, pinned: false };
  const change = { name: "b" };
  expect(decideEdit(details, { change, expected: { ...details, labels: { y: "2", x: "1" } } })).toMatchObject({
    kind: "edited",
    details: { name: "b" },
  });
  const others: Details[] = [
    { ...details, name: null },
    { ...details, labels: { x: "1" } },
    { ...details, labels: { x: "2", y: "1" } },
    { ...details, pinned: true },
  ];
  for (const expected of others) {
    expect(decideEdit(details, { change, expected })).toMatchObject({ refusal: { code: "PRECONDITION_FAILED" } });
  }
  const world = new RunWorld();
  const made = detailsOf(world.create({ name: "a" }));
  expect(world.run.edit({ change, expected: made })).toMatchObject({ kind: "edited" });
  expect(world.run.edit({ change: { pinned: true }, expected: made })).toMatchObject({
    refusal: { code: "PRECONDITION_FAILED" },
  });
  expect(world.run.describe()).toMatchObject({ run: { name: "b", pinned: false } });
});
