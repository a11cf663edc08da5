import { expect, test } from "vitest";
import { RUN_STATUSES, isTerminal, type RunStatus, type TerminalStatus } from "../../protocol/event.ts";
import { parseLine } from "../../protocol/ndjson.ts";
import { canMove } from "../../protocol/run-status.ts";
import { foldRunState, newRunState } from "../../protocol/run-state.ts";
import { foldSummary, newSummary } from "../../protocol/summary.ts";
import type { AppendOutcome } from "../../core/run/commands.ts";
import { completion, event, line, RunWorld } from "../fakes/run-world.ts";

const code = (outcome: AppendOutcome | { kind: string }): string =>
  "refusal" in outcome ? outcome.refusal.code : outcome.kind;
const types = (world: RunWorld): (string | undefined)[] => world.lines().map((text) => parseLine(text)?.type);
const statusOf = (world: RunWorld): RunStatus | undefined => world.recalled()?.state.status;

function worldIn(status: RunStatus): RunWorld {
  const world = new RunWorld();
  world.create();
  if (status === "building") world.append({ drafts: [event("build.started")] });
  if (status === "running") world.append({ drafts: [event("run.started")] });
  if (isTerminal(status)) world.append({ drafts: [event("run.started")], completes: completion(status) });
  return world;
}

const asks: Record<Exclude<RunStatus, "queued">, (world: RunWorld) => AppendOutcome> = {
  building: (world) => world.append({ drafts: [event("build.started")] }),
  running: (world) => world.append({ drafts: [event("run.started")] }),
  succeeded: (world) => world.append({ completes: completion("succeeded") }),
  failed: (world) => world.append({ completes: completion("failed") }),
  cancelled: (world) => world.append({ completes: completion("cancelled") }),
};

for (const from of RUN_STATUSES) {
  for (const to of RUN_STATUSES) {
    test(`[LIFE1] [LIFE3] ${from} → ${to}`, () => {
      const world = worldIn(from);
      expect(statusOf(world)).toBe(from);
      const before = world.logText();
      if (to === "queued") {
        // Nothing asks for it: run.queued is the server's, and a second create answers the run as it is.
        expect(world.create().status).toBe(from);
        expect(world.logText()).toBe(before);
        return;
      }
      const answer = code(asks[to](world));
      if (isTerminal(from)) expect(answer).toBe("RUN_ENDED");
      // A start of the status it is in stays; a success of a run that never ran starts it first.
      else if (from === to || canMove(from, to) || to === "succeeded") expect(answer).toBe("appended");
      else expect(answer).toBe("ILLEGAL_MOVE");
      expect(statusOf(world)).toBe(answer === "appended" ? to : from);
      if (answer !== "appended") expect(world.logText()).toBe(before);
    });
  }
}

test("[TYP6] [LIFE2] the first batch of a queued run that starts nothing has run.started written before it, and is answered with its own positions", () => {
  const world = new RunWorld();
  world.create();
  expect(world.append({ drafts: [line("a"), line("b")] })).toMatchObject({
    firstSequence: 3,
    lastSequence: 4,
    accepted: 2,
  });
  expect(types(world)).toEqual(["run.queued", "run.started", "console.line", "console.line"]);
  const building = new RunWorld();
  building.create();
  building.append({ drafts: [event("build.started"), line("a")] });
  building.append({ completes: completion("succeeded") });
  expect(types(building)).toEqual(["run.queued", "build.started", "console.line", "run.started", "run.completed"]);
  const own = new RunWorld();
  own.create();
  own.append({ drafts: [line("before"), event("run.started")] });
  expect(types(own)).toEqual(["run.queued", "console.line", "run.started"]);
  const failed = new RunWorld();
  failed.create();
  failed.append({ completes: completion("failed", { failure: { code: "X", message: "y" } }) });
  expect(types(failed)).toEqual(["run.queued", "run.started", "run.completed"]);
});

test("[TYP3] [SUM6] [LIFE4] run.completed is written once, last, holds the fold of all lines, and times that never run backwards", () => {
  const world = new RunWorld();
  world.create({ name: "n" });
  const early = world.clock.now() - 3_600_000;
  world.append({
    drafts: [{ ...event("run.started"), createdAtMs: early }, event("run.error", { code: "E", message: "m" })],
  });
  world.append({ drafts: [line("x")], completes: completion("failed", { exit_code: 3, createdAtMs: early }) });
  expect(code(world.append({ completes: completion("succeeded") }))).toBe("RUN_ENDED");
  expect(code(world.append({ drafts: [line("late")] }))).toBe("RUN_ENDED");
  const events = world.lines().map(parseLine);
  const last = events.at(-1);
  expect(events.filter((each) => each?.type === "run.completed")).toEqual([last]);
  const described = world.run.describe();
  expect(described).toMatchObject({
    run: {
      status: "failed",
      exit_code: 3,
      failure: { code: "E", message: "m" },
      duration_ms: 0,
      last_sequence: events.length,
    },
  });
  if (described.kind === "run") {
    const { created_at, started_at, completed_at } = described.run;
    expect([created_at, started_at, completed_at]).toEqual([created_at, created_at, created_at]);
  }
  const summary = newSummary();
  for (const each of events) {
    if (each?.type !== "run.completed") foldSummary(summary, each);
    else
      foldSummary(summary, {
        ...each,
        payload: Object.fromEntries(Object.entries(each.payload).filter(([key]) => key !== "summary")),
      });
  }
  expect(last?.payload["summary"]).toEqual(summary);
  expect(world.run.summary()).toEqual({ kind: "summary", summary });
});

const life: ((world: RunWorld) => void | Promise<void>)[] = [
  (world) =>
    void world.create({
      lease_seconds: 60,
      end_after_seconds: 600,
      parameters: { a: [1, { b: null }] },
      labels: { t: "x" },
    }),
  (world) => void world.append({ drafts: [event("build.started")], producer: { id: "p", epoch: 2, sequence: 1 } }),
  (world) => void world.append({ producer: { id: "p", epoch: 2, sequence: 2 } }),
  (world) =>
    void world.append({ drafts: [event("run.started"), line("x")], producer: { id: "q", epoch: 0, sequence: 1 } }),
  (world) => world.advance(59_000),
  (world) => void world.run.heartbeat(),
  (world) => world.advance(62_000),
  (world) => void world.append({ drafts: [event("metric.recorded", { name: "m", value: 1 })] }),
  (world) =>
    void world.append({
      drafts: Array.from({ length: 9 }, (_, at) => line(`${at}`.repeat(250_000))),
      producer: { id: "p", epoch: 3, sequence: 1 },
    }),
  (world) => world.advance(1),
  (world) => void world.append({ drafts: [line("z")], producer: { id: "p", epoch: 3, sequence: 2 } }),
  (world) => void world.append({ producer: { id: "p", epoch: 3, sequence: 3 } }),
  (world) => void world.run.cancel({ by: "me", reason: "why", force: false }),
  (world) => world.advance(1_000),
  (world) => void world.append({ completes: completion("cancelled"), producer: { id: "p", epoch: 3, sequence: 4 } }),
];

/** Everything that can be asked of a run. */
const answers = (world: RunWorld) => ({
  described: world.run.describe(),
  summary: world.run.summary(),
  tail: world.run.tail(0),
  greetings: [2, 3, 4].map((epoch) => world.run.greetProducer("p", epoch)),
  log: world.logText(),
  alarm: world.alarm.at,
});

test("[RUN2] a run that is evicted after every step answers, writes and is archived as one that never was", async () => {
  const [stays, leaves] = [new RunWorld(), new RunWorld()];
  for (const [at, step] of life.entries()) {
    for (const world of [stays, leaves]) {
      await step(world);
      await world.settle();
    }
    leaves.evict();
    expect(answers(leaves), `step ${at}`).toEqual(answers(stays));
    // Recalling starts a look at what is due, as an object that never left has done long ago.
    await leaves.advance(1_000);
    await stays.advance(1_000);
  }
  for (const world of [stays, leaves]) await world.advance(60_000);
  expect(leaves.wholeLog()).toBe(stays.wholeLog());
  expect({ ...leaves.manifest(), segments: [] }).toEqual({ ...stays.manifest(), segments: [] });
  expect(leaves.wholeLog()?.length).toBeGreaterThan(2_000_000);
});

test("[RUN2] what is recalled is the fold of the whole log, wherever a checkpoint stands", async () => {
  const world = new RunWorld();
  for (const step of life.slice(0, -1)) {
    await step(world);
    const state = newRunState();
    const summary = newSummary();
    for (const text of world.lines()) {
      const parsed = parseLine(text);
      if (parsed === null) continue;
      foldRunState(state, parsed, Buffer.byteLength(text) + 1);
      foldSummary(summary, parsed);
    }
    expect(world.recalled()?.state).toEqual(state);
    expect(world.recalled()?.summary).toEqual(summary);
  }
  expect(world.log.load()?.checkpoint).not.toBeNull();
});

test("[LIFE5] a cancel without a producer ends the run at once; with one it asks, and ends after 30 s; forced it ends; after the end it is told", async () => {
  const alone = new RunWorld();
  alone.create();
  expect(alone.run.cancel({ by: "me", reason: null, force: false })).toMatchObject({
    kind: "requested",
    run: { status: "cancelled" },
  });
  expect(types(alone)).toEqual(["run.queued", "control.requested", "run.completed"]);
  expect(alone.run.cancel({ by: "me", reason: null, force: false }).kind).toBe("already_cancelled");
  expect(alone.run.describe()).toMatchObject({ run: { started_at: null, duration_ms: null } });

  const asked = worldIn("running");
  const producer = asked.producers.open(asked.clock.now());
  expect(asked.run.cancel({ by: "me", reason: "late", force: false })).toMatchObject({ run: { status: "running" } });
  expect(asked.run.cancel({ by: "me", reason: null, force: false })).toMatchObject({ run: { status: "running" } });
  expect(producer.frames.map((frame) => JSON.parse(frame))).toEqual([
    { op: "control", control_id: expect.any(String), action: "cancel", by: "me", reason: "late" },
  ]);
  expect(asked.append({ drafts: [line("still here")] })).toMatchObject({
    control: [{ action: "cancel", by: "me", reason: "late" }],
  });
  asked.evict();
  await asked.advance(29_000);
  expect(statusOf(asked)).toBe("running");
  await asked.advance(1_001);
  expect(types(asked).slice(-3)).toEqual(["control.requested", "console.line", "run.completed"]);
  expect(asked.manifest()).toMatchObject({ status: "cancelled" });

  const racing = worldIn("running");
  expect(racing.run.cancel({ by: "me", reason: null, force: false })).toMatchObject({ run: { status: "running" } });
  expect(racing.append({ completes: completion("succeeded") }).kind).toBe("appended");
  expect(racing.run.cancel({ by: "me", reason: null, force: false })).toMatchObject({
    refusal: { code: "RUN_NOT_CANCELLABLE" },
  });
  await racing.advance(60_000);
  expect(racing.manifest()).toMatchObject({ status: "succeeded" });

  const forced = worldIn("running");
  forced.run.cancel({ by: "me", reason: null, force: false });
  expect(forced.run.cancel({ by: "me", reason: null, force: true })).toMatchObject({ run: { status: "cancelled" } });
  expect(types(forced)).toEqual(["run.queued", "run.started", "control.requested", "run.completed"]);

  const silent = worldIn("running");
  await silent.advance(30_000);
  expect(silent.run.cancel({ by: "me", reason: null, force: false })).toMatchObject({ run: { status: "cancelled" } });
  expect(new RunWorld().run.cancel({ by: "me", reason: null, force: false })).toEqual({ kind: "unknown" });
});

test("[LIFE5] a heartbeat counts as a producer for 30 s, also across an eviction", async () => {
  const world = worldIn("running");
  await world.advance(40_000);
  expect(world.run.heartbeat()).toMatchObject({ kind: "heard" });
  world.evict();
  await world.advance(20_000);
  expect(world.run.cancel({ by: "me", reason: null, force: false })).toMatchObject({ run: { status: "running" } });
});

test("[LIFE6] an open run is not erased; an ended one is, its watchers are closed 4404, and nothing comes back", async () => {
  const world = worldIn("running");
  const client = world.watch({ stay: true });
  expect(await world.run.erase()).toMatchObject({ kind: "refused", refusal: { code: "RUN_OPEN" } });
  const releases: (() => void)[] = [];
  world.archive.interrupt = () => new Promise((resolve) => releases.push(resolve));
  world.append({ completes: completion("failed") });
  await world.settle();
  const erased = world.run.erase();
  await world.settle();
  world.archive.interrupt = () => {};
  for (const release of releases) release();
  expect(await erased).toEqual({ kind: "erased" });
  expect(client.closed).toEqual({ code: 4404, reason: "the run was deleted" });
  await world.advance(200_000);
  expect(world.log.isEmpty()).toBe(true);
  expect(world.alarm.at).toBeNull();
  expect(world.run.describe()).toEqual({ kind: "unknown" });
  expect(await world.run.erase()).toEqual({ kind: "erased" });
});

const ended: TerminalStatus[] = ["succeeded", "failed", "cancelled"];
test.each(ended)(
  "[IDX1] D1 and the live list show %s at its revision, although D1 was away when it happened",
  async (status) => {
    const world = new RunWorld();
    world.create();
    await world.run.indexed();
    world.indexFails = true;
    world.append({ drafts: [event("run.started")] });
    await world.advance(3_000);
    world.append({ completes: completion(status) });
    world.evict();
    await world.advance(3_000);
    expect((await world.index.get("01931b9e-0000-7000-8000-000000000001"))?.run.status).toBe("queued");
    world.indexFails = false;
    await world.advance(120_000);
    const row = await world.index.get("01931b9e-0000-7000-8000-000000000001");
    expect(row?.run).toMatchObject({ status, last_sequence: (world.wholeLog() ?? "").split("\n").length - 1 });
    expect(row?.summary).toMatchObject({ status });
  },
);

test("[IDX1] a run that D1 does not take is not created for its caller, and a settled change is in D1 and told", async () => {
  const world = new RunWorld();
  world.create();
  world.indexFails = true;
  await expect(world.run.indexed()).rejects.toThrow("D1 is away");
  world.indexFails = false;
  world.append({ drafts: [line("x")] });
  await world.run.settle();
  expect((await world.index.get("01931b9e-0000-7000-8000-000000000001"))?.run.status).toBe("running");
  expect(world.published.at(-1)).toMatchObject({ run: { status: "running" } });
});
