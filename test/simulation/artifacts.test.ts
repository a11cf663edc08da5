import { expect, test } from "vitest";
import type { Artifact } from "../../protocol/api.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { parseLine } from "../../protocol/ndjson.ts";
import { artifactPath } from "../../core/run/artifacts.ts";
import { Killed } from "../fakes/life.ts";
import { completion, line, RUN, RunWorld } from "../fakes/run-world.ts";
import { LONG_MS } from "./settings.ts";

const artifact = (name: string): Artifact => ({
  name,
  bytes: 3,
  media_type: "text/plain",
  sha256: "a".repeat(64),
  created_at: "2026-11-21T02:30:00.000Z",
});
const created = (world: RunWorld): unknown[] =>
  world.lines().flatMap((text) => {
    const event = parseLine(text);
    return event?.type === "artifact.created" ? [event.payload] : [];
  });
const path = (name: string): string => artifactPath(RUN, name);
const indexed = async (world: RunWorld) => (await world.index.get(RUN.runId))?.run;

test("[OUT1] [OUT2] an artifact of an open run is told once, whoever says it again, and its path is in the run and in its end", async () => {
  const world = new RunWorld();
  world.create();
  world.run.noteArtifact(artifact("a.txt"));
  world.run.noteArtifact(artifact("a.txt"));
  world.evict();
  world.run.noteArtifact(artifact("a.txt"));
  world.append({ drafts: [line("one")] });
  world.run.noteArtifact(artifact("é b.txt"));
  const { created_at: _at, ...payload } = artifact("a.txt");
  expect(created(world)).toEqual([payload, { ...payload, name: "é b.txt" }]);
  expect(world.run.describe()).toMatchObject({ run: { output_paths: [path("a.txt"), path("é b.txt")] } });
  world.append({ completes: completion("succeeded") });
  const end = parseLine(world.lines().at(-1) ?? "");
  expect(end?.payload).toMatchObject({
    artifacts: { output_paths: [path("a.txt"), path("é b.txt")] },
    summary: { artifacts: { items: [payload, { ...payload, name: "é b.txt" }], more: 0 } },
  });
  await world.advance(1_000);
  expect((await indexed(world))?.output_paths).toEqual([path("a.txt"), path("é b.txt")]);
  expect(world.run.noteArtifact(artifact("c"))).toEqual({ kind: "unknown" });
});

test("[OUT2] after the end the log stays as it is, and the run has the path all the same, through kill and eviction", async () => {
  const world = new RunWorld();
  world.create();
  world.run.noteArtifact(artifact("before"));
  const stalled = world.watch();
  stalled.isReading = false;
  for (let batch = 0; batch < 3; batch += 1)
    world.append({ drafts: Array.from({ length: 4 }, () => line("x".repeat(200_000))) });
  world.append({ completes: completion("succeeded") });
  await world.advance(1_000);
  expect(world.log.isEmpty()).toBe(false);
  const log = world.logText();
  world.indexFails = true;
  world.run.noteArtifact(artifact("after"));
  world.run.noteArtifact(artifact("after"));
  world.run.noteArtifact(artifact("before"));
  world.kill();
  world.indexFails = false;
  await world.advance(120_000);
  expect(world.log.isEmpty()).toBe(true);
  expect((await indexed(world))?.output_paths).toEqual([path("before"), path("after")]);
  expect(world.logText()).toBe(log);
});

test("[OUT1] a thousand artifacts with the longest names: the end still fits its line, and lists the first of them", async () => {
  const world = new RunWorld();
  world.create();
  for (let n = 0; n < LIMITS.artifactsPerRun; n += 1)
    world.run.noteArtifact(artifact(`${n}${"\u4e16".repeat(196)}`.slice(0, 200)));
  expect(created(world)).toHaveLength(LIMITS.artifactsPerRun);
  const big = "\u0001".repeat(2_000);
  world.append({ completes: completion("failed", { failure: { code: "X", message: big } }) });
  const last = world.lines().at(-1) ?? "";
  expect(Buffer.byteLength(last)).toBeLessThan(LIMITS.eventLineBytes);
  await world.advance(1_000);
  const run = await indexed(world);
  const end = parseLine(last)?.payload["artifacts"];
  expect(end).toMatchObject({ output_paths: run?.output_paths });
  expect(run?.output_paths.length).toBeGreaterThan(30);
  expect(Buffer.byteLength(JSON.stringify(run?.output_paths))).toBeLessThanOrEqual(LIMITS.outputPathsBytes);
});

test(
  "[OUT2] killed between any two steps, an artifact that is said again is told exactly once",
  async () => {
    for (let killAt = 1; ; killAt += 1) {
      const world = new RunWorld();
      world.life.endsAtStep = killAt;
      const survives = (call: () => unknown): void => {
        try {
          call();
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          world.kill();
          call();
        }
      };
      survives(() => world.create());
      survives(() => world.run.noteArtifact(artifact("a")));
      await world.advance(61_000);
      if (world.life.isOver) world.kill();
      survives(() => world.run.noteArtifact(artifact("a")));
      survives(() =>
        world.append({ completes: completion("succeeded"), producer: { id: "p", epoch: 0, sequence: 1 } }),
      );
      const wasKilled = world.life.isOver;
      await world.advance(600_000);
      if (world.life.isOver) world.kill();
      await world.advance(600_000);
      expect(created(world), `killed at ${killAt}`).toHaveLength(1);
      expect((await indexed(world))?.output_paths).toEqual([path("a")]);
      if (!wasKilled && world.life.endsAtStep !== null && world.life.steps < killAt) break;
    }
  },
  LONG_MS,
);

test("[LIFE6] a run that is erased while its log goes up in parts leaves no upload behind", async () => {
  const world = new RunWorld();
  world.create();
  for (let batch = 0; batch < 3; batch += 1)
    world.append({ drafts: Array.from({ length: 13 }, () => line("x".repeat(240_000))) });
  world.append({ completes: completion("succeeded") });
  world.archive.interrupt = (call) => {
    if (call === "uploadPart") throw new Error("R2 is away");
  };
  await world.advance(1_000);
  expect(world.archive.uploadsOpen()).toBe(1);
  await world.run.erase();
  expect(world.archive.uploadsOpen()).toBe(0);
  expect(world.log.isEmpty()).toBe(true);
});
