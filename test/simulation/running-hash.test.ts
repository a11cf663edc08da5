import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { FakeClient } from "../fakes/fake-watchers.ts";
import { completion, line, RUN, RunWorld } from "../fakes/run-world.ts";
import { LONG_MS, runs } from "./settings.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const told = (client: FakeClient): unknown => client.control.find(({ op }) => op === "end")?.["sha256"];

/** A position beyond every line: who waits there is told of the end, and has nothing to acknowledge. */
const BEYOND = 1_000;

test(
  "[HASH1] whatever is flushed, evicted or killed before the end, every watcher is told the hash of all lines",
  async () => {
    // Four or five of the longer ones fill a segment.
    const acts = fc.array(
      fc.constantFrom("a word", "150 kB", "250 kB", "flush", "evict", "kill", "R2 goes or comes back"),
      { maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(acts, async (chosen) => {
        const world = new RunWorld();
        world.create();
        let isAway = false;
        world.archive.interrupt = () => {
          if (isAway) throw new Error("R2 is away");
        };
        const write = (bytes: number): void => void world.append({ drafts: [line("é".repeat(bytes / 2))] });
        for (const act of chosen) {
          if (act === "a word") write(10);
          else if (act === "150 kB") write(150_000);
          else if (act === "250 kB") write(250_000);
          else if (act === "flush") await world.advance(120_000);
          else if (act === "evict") world.evict();
          else if (act === "kill") world.kill();
          else isAway = !isAway;
        }
        const open = world.watch({ after: BEYOND });
        // So that the object is not emptied before it was asked twice.
        isAway = true;
        world.append({ completes: completion("failed") });
        await world.settle();
        const written = sha256(world.logText());
        expect(told(open)).toBe(written);
        // Not remembered but computed once more, from what is stored.
        world.evict();
        const ended = world.watch({ after: BEYOND });
        await world.settle();
        expect(told(ended)).toBe(written);
        isAway = false;
        await world.advance(600_000);
        expect(world.manifest()?.sha256).toBe(written);
        const archived = await world.run.audience.archivedRun(RUN);
        const staying = world.watch({ after: BEYOND, stay: true, archived });
        await world.settle();
        expect(told(staying)).toBe(written);
      }),
      runs(60),
    );
  },
  LONG_MS,
);
