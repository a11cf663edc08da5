import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { Killed } from "../fakes/life.ts";
import { completion, line, RUN, RunWorld } from "../fakes/run-world.ts";
import { draftEvent, splitLines } from "../../protocol/ndjson.ts";
import { indexKey, timelineKey } from "../../storage/log-keys.ts";
import { indexed as madeOf } from "../fakes/any-log.ts";
import { LONG_MS } from "./settings.ts";

const sha256 = (...parts: (string | Buffer)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The index and the timeline that a log has; the same one is asked for many times. */
const besideByLog = new Map<string, ReturnType<typeof madeOf>>();
function besideOf(written: string): ReturnType<typeof madeOf> {
  const made = besideByLog.get(written) ?? madeOf({ lines: splitLines(written), ahead: [] });
  besideByLog.set(written, made);
  return made;
}

/** Everything that must hold of an archived run, whatever happened on the way. */
async function expectArchived(world: RunWorld, written: string, unnotedUploads = 0): Promise<void> {
  const whole = world.wholeLog() ?? "";
  expect(whole.length).toBe(written.length);
  expect(sha256(whole).toString("hex")).toBe(sha256(written).toString("hex"));
  const manifest = world.manifest();
  expect(manifest).toMatchObject({
    status: "succeeded",
    events: written.split("\n").length - 1,
    bytes: Buffer.byteLength(written),
    sha256: sha256(written).toString("hex"),
  });
  let from = 0;
  let next = 1;
  let running: Buffer = Buffer.alloc(0);
  const bytes = Buffer.from(written);
  for (const segment of manifest?.segments ?? []) {
    const slice = bytes.subarray(from, from + segment.bytes);
    running = sha256(running, sha256(slice));
    expect(segment.first_sequence).toBe(next);
    expect(segment.sha256).toBe(sha256(slice).toString("hex"));
    expect(segment.running).toBe(running.toString("hex"));
    from += segment.bytes;
    next = segment.last_sequence + 1;
  }
  expect(from).toBe(bytes.length);
  expect([...world.archive.objects.keys()].filter((key) => key.includes("/segments/"))).toEqual([]);
  const { index, timeline } = await besideOf(written);
  const stored = (key: string): Buffer => world.archive.objects.get(key) ?? Buffer.alloc(0);
  expect(stored(indexKey(RUN)).equals(index)).toBe(true);
  expect(stored(timelineKey(RUN)).equals(timeline)).toBe(true);
  expect(world.archive.uploadsOpen()).toBe(unnotedUploads);
  expect(world.log.isEmpty()).toBe(true);
  expect(world.alarm.at).toBeNull();
}

/** A run whose lines come in three batches, the last with its end. */
function writeRun(world: RunWorld, lineBytes: number, linesABatch: number, type = "console.line"): void {
  world.create();
  for (let batch = 1; batch <= 3; batch += 1) {
    const drafts = Array.from({ length: linesABatch }, (_, at) => {
      const message = `${batch}/${at} é ${"x".repeat(lineBytes)}`;
      return type === "console.line" ? line(message) : draftEvent(type, null, { message });
    });
    const completes = batch === 3 ? completion("succeeded") : null;
    world.append({ drafts, completes, producer: { id: "p", epoch: 0, sequence: batch } });
  }
}

async function indexed(world: RunWorld): Promise<void> {
  expect((await world.index.get("01931b9e-0000-7000-8000-000000000001"))?.run).toMatchObject({ status: "succeeded" });
}

const SIZES: { name: string; lineBytes: number; linesABatch: number; stride: number; type?: string }[] = [
  { name: "in one put", lineBytes: 20, linesABatch: 2, stride: 1 },
  { name: "in segments of more than 1 MiB, one put", lineBytes: 200_000, linesABatch: 4, stride: 1 },
  { name: "in two parts, and so its timeline,", lineBytes: 240_000, linesABatch: 13, stride: 11, type: "a.b" },
];

for (const size of SIZES) {
  test(
    `[ARC1] [ARC2] [ARC3] [ARC4] [ARC9] [STO3] killed between any two steps, a log ${size.name} is archived whole and once`,
    async () => {
      const untouched = new RunWorld();
      writeRun(untouched, size.lineBytes, size.linesABatch, size.type);
      const written = untouched.logText();
      const firstStep = untouched.life.steps;
      await untouched.advance(1_000);
      await expectArchived(untouched, written);
      const lastStep = untouched.life.steps;

      const stride = process.env["RUNCAST_LONG"] === "1" ? 1 : size.stride;
      for (let killAt = firstStep + 1; killAt <= lastStep; killAt += stride) {
        const world = new RunWorld();
        writeRun(world, size.lineBytes, size.linesABatch, size.type);
        world.life.endsAtStep = killAt;
        await world.advance(1_000);
        expect(world.life.isOver).toBe(true);
        // Nobody could write down its id any more: R2 ends it by itself.
        const unnotedUploads = world.life.names.at(-1) === "after archive.startUpload" ? 1 : 0;
        // What is durable is all that is left; the alarm alone brings the object back.
        world.kill();
        await world.advance(600_000);
        await expectArchived(world, written, unnotedUploads);
        await indexed(world);
      }
    },
    LONG_MS,
  );
}

test(
  "[ARC1] [RUN2] killed between any two steps from the first line on, every acknowledged batch is in the archive once",
  async () => {
    for (let killAt = 1; ; killAt += 1) {
      const world = new RunWorld();
      world.life.endsAtStep = killAt;
      const survives = (call: () => void): void => {
        try {
          call();
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          world.kill();
          call();
        }
      };
      survives(() => void world.create());
      await world.advance(0);
      for (let sequence = 1; sequence <= 3; sequence += 1) {
        if (world.life.isOver) world.kill();
        survives(() => {
          const outcome = world.append({
            drafts: [line(`${sequence}`), line(`${sequence}b`)],
            completes: sequence === 3 ? completion("succeeded") : null,
            producer: { id: "p", epoch: 0, sequence },
          });
          expect(outcome.kind).toBe("appended");
        });
        await world.advance(61_000);
      }
      const wasKilled = world.life.endsAtStep === null || world.life.isOver;
      if (world.life.isOver) world.kill();
      await world.advance(600_000);
      const messages = (world.wholeLog() ?? "")
        .split("\n")
        .flatMap((text) => /"message":"(\w+)"/.exec(text)?.[1] ?? []);
      expect(messages).toEqual(["1", "1b", "2", "2b", "3", "3b"]);
      await expectArchived(world, world.wholeLog() ?? "");
      await indexed(world);
      if (!wasKilled) break;
    }
  },
  LONG_MS,
);

test("[ARC3] killed after R2 completed the upload and before that was written down, the log that is there counts", async () => {
  const world = new RunWorld();
  writeRun(world, 240_000, 13);
  const written = world.logText();
  let completions = 0;
  world.archive.interrupt = (call) => {
    if (call === "completeUpload") completions += 1;
    // The first call after the upload is complete.
    if (call === "hashLog" && completions === 1) world.life.end();
  };
  await world.advance(1_000);
  expect(world.wholeLog()?.length).toBe(written.length);
  expect(world.log.load()?.archive).toMatchObject({ phase: "composing" });
  world.kill();
  await world.advance(60_000);
  expect(completions).toBe(2);
  await expectArchived(world, written);
});

test("[ARC3] an upload that R2 has forgotten is begun anew", async () => {
  const world = new RunWorld();
  writeRun(world, 240_000, 13);
  const written = world.logText();
  world.archive.interrupt = (call) => {
    if (call === "completeUpload") world.archive.forgetUploads();
    world.archive.interrupt = call === "completeUpload" ? () => {} : world.archive.interrupt;
  };
  await world.advance(60_000);
  await expectArchived(world, written);
});

test("[ARC2] every call of R2 and D1 may fail, once each, and may take its time: the archive is whole all the same", async () => {
  const world = new RunWorld();
  writeRun(world, 240_000, 13);
  const written = world.logText();
  const failed = new Set<string>();
  world.indexFails = true;
  world.archive.interrupt = (call) => {
    if (failed.has(call)) return;
    failed.add(call);
    throw new Error(`R2 refuses ${call}`);
  };
  await world.advance(30_000);
  expect(world.log.load()?.archive).toMatchObject({ phase: "proved" });
  // Nothing is deleted before D1 knows the run.
  expect([...world.archive.objects.keys()].some((key) => key.includes("/segments/"))).toBe(true);
  world.indexFails = false;
  await world.advance(120_000);
  expect(failed).toContain("deleteSegments");
  await expectArchived(world, written);
});

test("[STO1] [ARC1] a segment's range is decided and stored before its put, and retried unchanged although more lines came", async () => {
  const world = new RunWorld();
  world.create();
  world.append({ drafts: [line("one")] });
  world.archive.interrupt = () => {
    throw new Error("R2 is away");
  };
  await world.advance(61_000);
  expect(world.log.load()?.segments).toMatchObject([{ firstSequence: 1, lastSequence: 3, sha256: null }]);
  world.append({ drafts: [line("two")] });
  world.evict();
  world.archive.interrupt = () => {};
  await world.advance(61_000);
  expect(world.log.load()?.segments[0]).toMatchObject({ firstSequence: 1, lastSequence: 3 });
  expect([...world.archive.objects.keys()].map((key) => key.slice(-40))).toContain(
    "0000000000000001-0000000000000003.ndjson",
  );
});

test("[IDX2] what R2 or D1 refuses while a run is open is in its log, and so is that it works again, also after an eviction", async () => {
  const world = new RunWorld();
  world.create();
  world.append({ drafts: [line("one")] });
  await world.advance(1_000);
  world.archive.interrupt = () => {
    throw new Error("R2 is away");
  };
  await world.advance(90_000);
  world.indexFails = true;
  await world.advance(30_000);
  expect(world.run.describe()).toMatchObject({ run: { logging_degraded: true } });
  world.evict();
  world.archive.interrupt = () => {};
  world.indexFails = false;
  await world.advance(200_000);
  expect(world.run.describe()).toMatchObject({ run: { logging_degraded: false } });
  const told = world
    .lines()
    .flatMap((text) => /"type":"(log\.\w+)".*"part":"(\w+)"/.exec(text)?.slice(1).join(" ") ?? []);
  expect(told.filter((each) => each.endsWith("archive"))).toEqual(["log.degraded archive", "log.recovered archive"]);
  expect(told.filter((each) => each.startsWith("log.degraded")).length).toBe(
    told.filter((each) => each.startsWith("log.recovered")).length,
  );
  // The server's log has each once, too; between them every attempt that failed.
  const reported = world.reports.flatMap(({ event: name, facts }) => (facts["part"] === "archive" ? [name] : []));
  expect(reported.filter((name) => name !== "write_failed")).toEqual(["degraded", "restored"]);
  expect(reported[0]).toBe("write_failed");
  await world.advance(120_000);
  expect((await world.index.get("01931b9e-0000-7000-8000-000000000001"))?.run).toMatchObject({
    logging_degraded: false,
  });
});

test("[ARC4] an object whose last watcher has its end is emptied at once; one killed while a watcher was behind, a minute later", async () => {
  const world = new RunWorld();
  world.create();
  const stays = world.watch({ stay: true });
  const leaves = world.watch();
  world.append({ drafts: [line("one")], completes: completion("succeeded") });
  await world.advance(0);
  expect(stays.ops()).toContain("end");
  expect(leaves.closed).toEqual({ code: 1000, reason: "the run has ended" });
  expect(world.log.isEmpty()).toBe(true);

  const slow = new RunWorld();
  slow.create();
  const reads = slow.watch({ stay: true });
  reads.isReading = false;
  for (let batch = 0; batch < 3; batch += 1)
    slow.append({ drafts: Array.from({ length: 4 }, () => line("x".repeat(200_000))) });
  slow.append({ completes: completion("succeeded") });
  await slow.advance(1_000);
  expect(slow.log.load()?.archive).toEqual({ phase: "cleared" });
  for (let round = 0; round < 5; round += 1) {
    slow.acknowledge(reads);
    await slow.advance(0);
  }
  expect(reads.ops()).toContain("end");
  expect(slow.log.isEmpty()).toBe(true);

  const other = new RunWorld();
  other.create();
  const stalled = other.watch();
  stalled.isReading = false;
  for (let batch = 0; batch < 3; batch += 1)
    other.append({ drafts: Array.from({ length: 4 }, () => line("x".repeat(200_000))) });
  other.append({ completes: completion("succeeded") });
  await other.advance(1_000);
  expect(other.log.load()?.archive).toEqual({ phase: "cleared" });
  other.kill();
  await other.advance(61_000);
  expect(other.log.isEmpty()).toBe(true);
  expect(other.alarm.at).toBeNull();
});
