import * as fc from "fast-check";
import { expect, test } from "vitest";
import { wholeLogKey } from "../../storage/log-keys.ts";
import { completion, line, RUN, RunWorld } from "../../test/fakes/run-world.ts";
import { LONG_MS, runs } from "../../test/simulation/settings.ts";
import type { LogWindow } from "../ports.ts";
import { clip, LogMissing, readLog, windowLines, type LogPlaces } from "./read-log.ts";

/** The places of a world. `before` is called before each look, and may let anything happen meanwhile. */
function placesOf(world: RunWorld, before: () => Promise<void>): LogPlaces {
  return {
    tail: async (afterSequence) => {
      await before();
      return world.run.tail(afterSequence);
    },
    readSegment: async (segment) => {
      await before();
      return world.archive.readSegment(RUN, segment);
    },
    wholeLog: async () => {
      await before();
      const text = world.wholeLog();
      return text === null ? null : cut(text, before);
    },
    archivedHead: async () => world.manifest()?.events ?? 0,
    async *live(afterSequence) {
      await before();
      // As the object does: it refuses the socket of a run that it does not hold.
      if (world.run.describe().kind === "unknown") return;
      const client = world.watch({ after: afterSequence });
      let taken = 0;
      let idle = 0;
      for (;;) {
        await before();
        const lines = client.lines.slice(taken);
        taken = client.lines.length;
        const [first, last] = [lines[0], lines.at(-1)];
        if (first !== undefined && last !== undefined) {
          yield {
            firstSequence: first.sequence,
            lastSequence: last.sequence,
            lines: lines.map(({ text }) => text).join(""),
          };
        } else if (client.closed !== null) return;
        else if (idle > 1_000) throw new Error("a follower waits for nothing");
        idle = first === undefined ? idle + 1 : 0;
        world.acknowledge(client);
      }
    },
  };
}

/** The whole log from its start, three lines at a time. */
async function* cut(text: string, before: () => Promise<void>): AsyncGenerator<LogWindow> {
  const lines = text.split("\n").slice(0, -1);
  for (let at = 0; at < lines.length; at += 3) {
    await before();
    const some = lines.slice(at, at + 3);
    yield { firstSequence: at + 1, lastSequence: at + some.length, lines: some.map((each) => `${each}\n`).join("") };
  }
}

/** A run with three segments in R2 and a hot end. */
async function longRun(): Promise<RunWorld> {
  const world = new RunWorld();
  world.create();
  for (let batch = 0; batch < 3; batch += 1) {
    world.append({ drafts: Array.from({ length: 5 }, () => line("x".repeat(230_000))) });
    await world.advance(1);
  }
  await world.advance(61_000);
  world.append({ drafts: [line("hot"), line("end")] });
  return world;
}

async function collect(
  world: RunWorld,
  afterSequence: number,
  follow: boolean,
  before: () => Promise<void>,
): Promise<string> {
  let text = "";
  let next = afterSequence + 1;
  for await (const window of readLog(placesOf(world, before), { ...reading, afterSequence, follow })) {
    for (const { sequence, line: one } of windowLines(window)) {
      expect(sequence).toBe(next);
      next += 1;
      text += `${one}\n`;
    }
    expect(window.lastSequence).toBe(next - 1);
  }
  return text;
}

const reading = { afterSequence: 0, follow: false, isEnded: false, asStored: false };

const linesAfter = (text: string, after: number): string => text.split("\n").slice(after).join("\n");

test(
  "[READ1] [READ2] the run ends and is archived and emptied at any point in the middle of reading: exactly the lines after n, in order, once",
  async () => {
    let looks = 1;
    for (let endsAt = 0; endsAt <= looks + 1; endsAt += 1) {
      for (const after of [0, 3, 8, 17, 18]) {
        const world = await longRun();
        const before = world.logText();
        looks = 0;
        const read = await collect(world, after, false, async () => {
          if (looks === endsAt) {
            world.append({ drafts: [line("late")], completes: completion("succeeded") });
            await world.advance(1_000);
            expect(world.log.isEmpty()).toBe(true);
          }
          looks += 1;
        });
        const whole = world.wholeLog() ?? before;
        // Without following, a reader stops at the head that it came to: before the end or after it.
        expect([linesAfter(before, after), linesAfter(whole, after)]).toContain(read);
      }
    }
  },
  LONG_MS,
);

test(
  "[READ1] [READ2] a follower gets every line to the end, whatever happens between any two of its looks",
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("write", "flush", "evict", "nothing", "nothing"), { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 0, max: 24 }),
        async (happenings, after) => {
          const world = await longRun();
          let at = 0;
          let hasEnded = false;
          const read = await collect(world, after, true, async () => {
            const happening = happenings[at];
            at += 1;
            if (happening === "write") world.append({ drafts: [line(`${at}`), line("y".repeat(200_000))] });
            if (happening === "flush") await world.advance(61_000);
            if (happening === "evict") world.evict();
            if (happening === undefined && !hasEnded) {
              hasEnded = true;
              world.append({ completes: completion("failed") });
            }
            await world.advance(10);
          });
          await world.advance(120_000);
          expect(read).toBe(linesAfter(world.wholeLog() ?? "", after));
        },
      ),
      runs(60),
    );
  },
  LONG_MS,
);

test("[READ2] segments that are deleted while the object still feeds a slow watcher are read from the whole log", async () => {
  const world = await longRun();
  world.watch().isReading = false;
  world.append({ completes: completion("succeeded") });
  await world.advance(1_000);
  expect(world.log.load()?.archive).toEqual({ phase: "cleared" });
  let looks = 0;
  const read = await collect(world, 0, false, async () => {
    looks += 1;
    if (looks > 100) throw new Error("it looks for ever");
  });
  expect(read).toBe(world.wholeLog());
});

test("[READ2] a log that is in no place is missing, and said to be, not empty", async () => {
  const world = await longRun();
  world.append({ completes: completion("succeeded") });
  await world.advance(1_000);
  world.archive.objects.delete(wholeLogKey(RUN));
  await expect(collect(world, 0, false, async () => {})).rejects.toThrow(LogMissing);
});

test("[READ1] a window is clipped to what comes after a position", () => {
  const window = { firstSequence: 5, lastSequence: 7, lines: "a\nb\nc\n" };
  expect(clip(window, 4)).toEqual(window);
  expect(clip(window, 5)).toEqual({ firstSequence: 6, lastSequence: 7, lines: "b\nc\n" });
  expect(clip(window, 7)).toBeNull();
  expect([...windowLines(window)].map(({ sequence }) => sequence)).toEqual([5, 6, 7]);
});
