import { expect, test } from "vitest";
import { line, RUN, RunWorld } from "../../test/fakes/run-world.ts";
import { readLog, type LogPlaces } from "./read-log.ts";
import { readingAhead } from "./reading-ahead.ts";

/** x in R2 and a hot end. `asked`: their first sequences, in the order in which they are asked for. */
async function longRun(): Promise<{ world: RunWorld; places: LogPlaces; asked: number[] }> {
  const world = new RunWorld();
  world.create();
  for (let batch = 0; batch < 8; batch += 1) {
    world.append({ drafts: Array.from({ length: 5 }, () => line("x".repeat(230_000))) });
    await world.advance(1);
  }
  await world.advance(61_000);
  world.append({ drafts: [line("hot")] });
  const asked: number[] = [];
  const nowhere = (): never => {
    throw new Error("the run is open and nobody follows it");
  };
  const places: LogPlaces = {
    tail: async (afterSequence) => world.run.tail(afterSequence),
    readSegment: (segment) => {
      asked.push(segment.firstSequence);
      return world.archive.readSegment(RUN, segment);
    },
    wholeLog: nowhere,
    archivedHead: nowhere,
    live: nowhere,
  };
  return { world, places, asked };
}

const options = { afterSequence: 0, follow: false, isEnded: false, asStored: false };

test.each([0, 1, 3, 100])(
  "[READ5] %d segments ahead: the same lines, each segment asked for once, no further ahead",
  async (ahead) => {
    const { world, places, asked } = await longRun();
    let text = "";
    let read = 0;
    const tail = world.run.tail(0);
    const segments = tail.kind === "tail" ? tail.segments.length : 0;
    expect(segments).toBeGreaterThan(5);
    for await (const window of readLog(readingAhead(ahead, places), options)) {
      read += 1;
      expect(asked.length).toBe(Math.min(segments, read + ahead));
      text += window.lines;
    }
    expect(text).toBe(world.logText());
    expect(asked).toHaveLength(segments);
    expect(asked).toEqual(asked.toSorted((a, b) => a - b));
  },
);

test("[READ5] a segment that fails is told when it is its turn, not before and not to nobody", async () => {
  const { places } = await longRun();
  const failing = readingAhead(2, {
    ...places,
    readSegment: async (segment) => {
      if (segment.firstSequence > 12) throw new Error("R2 is away");
      return places.readSegment(segment);
    },
  });
  const windows = readLog(failing, options);
  let last = 0;
  const readAll = async (): Promise<void> => {
    for await (const window of windows) last = window.lastSequence;
  };
  await expect(readAll()).rejects.toThrow("R2 is away");
  expect(last).toBe(12);
});

test("[READ5] what was given is not held", async () => {
  const { places, asked } = await longRun();
  const ahead = readingAhead(1, places);
  const tail = await ahead.tail(0);
  const [first, second] = tail.kind === "tail" ? tail.segments : [];
  expect(await ahead.readSegment(first!)).toBe(await ahead.readSegment(first!));
  expect(asked).toEqual([first, second, first].map((segment) => segment?.firstSequence));
});
