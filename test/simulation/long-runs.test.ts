import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { completion, line, RunWorld } from "../fakes/run-world.ts";
import { LONG_MS } from "./settings.ts";

/** A week of one line a minute. */
const MINUTES = 7 * 24 * 60;
/** What Cloudflare lets one invocation ask for. */
const MOST_REQUESTS = 10_000;

/** A run that trickles: a segment each minute, none larger than what came in it. */
async function trickle(world: RunWorld, minutes: number): Promise<void> {
  world.create();
  for (let minute = 0; minute < minutes; minute += 1) {
    world.append({ drafts: [line(`minute ${minute}`)] });
    await world.advance(60_000);
  }
}

/** The requests of the archive by the moment at which they were made: no two alarms go off at the same one. */
function countRequests(world: RunWorld): Map<number, number> {
  const requestsByMs = new Map<number, number>();
  world.archive.interrupt = (_call, requests = 1) => {
    requestsByMs.set(world.clock.ms, (requestsByMs.get(world.clock.ms) ?? 0) + requests);
  };
  return requestsByMs;
}

test(
  "[ARC5] the archive of a week of one line a minute is made in steps, none of which asks R2 for more than an invocation may",
  async () => {
    const world = new RunWorld();
    await trickle(world, MINUTES);
    const segments = world.log.load()?.segments.length ?? 0;
    expect(segments).toBeGreaterThan(10_000);
    const requestsByMs = countRequests(world);
    world.append({ completes: completion("succeeded") });
    const written = world.logText();
    await world.advance(60_000);

    const requests = [...requestsByMs.values()];
    expect(Math.max(...requests)).toBeLessThan(MOST_REQUESTS);
    // Each segment is read once: what was gathered before an alarm's end is not read again after it.
    expect(requests.reduce((sum, count) => sum + count, 0)).toBeLessThan(segments + 100);
    expect(
      createHash("sha256")
        .update(world.wholeLog() ?? "")
        .digest("hex"),
    ).toBe(createHash("sha256").update(written).digest("hex"));
    expect(world.manifest()?.segments.length).toBe(segments + 1);
    expect(world.log.isEmpty()).toBe(true);
  },
  LONG_MS,
);

test(
  "[ARC5] [ARC2] evicted while segments are gathered, the object begins to gather anew and the archive is whole",
  async () => {
    const world = new RunWorld();
    await trickle(world, 1_500);
    world.append({ completes: completion("succeeded") });
    const written = world.logText();
    let reads = 0;
    world.archive.interrupt = (call) => {
      if (call === "readSegments") reads += 1;
      if (reads === 3) world.life.end();
    };
    await world.advance(5_000);
    expect(world.life.isOver).toBe(true);
    world.archive.interrupt = () => {};
    world.evict();
    await world.advance(60_000);
    expect(world.wholeLog()).toBe(written);
    expect(world.log.isEmpty()).toBe(true);
  },
  LONG_MS,
);
