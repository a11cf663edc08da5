import * as fc from "fast-check";
import { expect, test } from "vitest";
import { draftEvent } from "../../protocol/ndjson.ts";
import { completion, RunWorld } from "../../test/fakes/run-world.ts";
import type { LogWindow } from "../ports.ts";
import { manifestAhead } from "../run/manifest.ts";
import { noteReceipt, type AheadLines } from "../run/receipts.ts";
import { startInSegments } from "../index/log-start.ts";
import { fromTime } from "./log-time.ts";

const iso = (ms: number): string => new Date(ms).toISOString();

/** The sequences that a reader gets who asks for `at`, the log given in windows of `size` lines. */
async function readFrom(lines: readonly string[], at: string, ahead: AheadLines[], now: number, size = 3) {
  const windows = (async function* (): AsyncGenerator<LogWindow> {
    for (let first = 0; first < lines.length; first += size) {
      const some = lines.slice(first, first + size);
      yield {
        firstSequence: first + 1,
        lastSequence: first + some.length,
        lines: some.map((one) => `${one}\n`).join(""),
      };
    }
  })();
  const passedOver: number[] = [];
  let text = "";
  for await (const window of fromTime(windows, at, {
    ahead,
    now: () => iso(now),
    skipped: (to) => passedOver.push(to),
  }))
    text += window.lines;
  return { text, passedOver: passedOver.at(-1) ?? 0 };
}

/** What is said: after how long, and how far from the server's clock the producer's claims to be; null: it says nothing. */
const said = fc.record({
  afterMs: fc.constantFrom(0, 1, 500, 70_000),
  skews: fc.array(fc.option(fc.constantFrom(-86_400_000, -600, -1, 0, 1, 700, 90_000_000)), {
    minLength: 1,
    maxLength: 4,
  }),
  evict: fc.boolean(),
});

test("[EVT10] [TIME1] [TIME2] a position by time is the first line at which the greatest time so far, bounded by receipt, is reached", async () => {
  let hasSegments = false;
  await fc.assert(
    fc.asyncProperty(fc.array(said, { maxLength: 12 }), fc.boolean(), async (batches, isEnded) => {
      const world = new RunWorld();
      const receipts: number[] = [];
      const received = () => {
        while (receipts.length < world.lines().length) receipts.push(world.clock.ms);
      };
      world.create();
      received();
      for (const { afterMs, skews, evict } of batches) {
        await world.advance(afterMs);
        received();
        const drafts = skews.map((skew) => draftEvent("a.b", skew === null ? null : world.clock.ms + skew, {}));
        world.append({ drafts });
        received();
        if (evict) world.evict();
      }
      if (isEnded) world.append({ completes: completion("succeeded", { createdAtMs: world.clock.ms + 5_000 }) });
      received();
      if (isEnded) await world.advance(1_000);

      const lines = world.lines();
      const tail = world.run.tail(0);
      const manifest = world.manifest();
      expect(manifest !== null).toBe(isEnded);
      const ahead = tail.kind === "tail" ? tail.ahead : manifest === null ? [] : manifestAhead(manifest);
      let greatest = 0;
      const times = lines.map((line, at) => {
        greatest = Math.max(greatest, Math.min(Date.parse(JSON.parse(line).created_at), receipts[at] ?? 0));
        return greatest;
      });
      const asked = [0, ...times, ...times.map((time) => time + 1), Number.MAX_SAFE_INTEGER / 100];
      for (const at of new Set(asked)) {
        const first = times.findIndex((time) => time >= at);
        const expected = first === -1 ? [] : lines.slice(first);
        if (tail.kind === "tail") {
          // It begins no later than that line, and in its segment, if it is in one.
          const start = startInSegments(tail, iso(at));
          const segment = tail.segments.find((one) => first !== -1 && one.lastSequence > first);
          expect(start).toBe(segment === undefined ? tail.hotAfter : segment.firstSequence - 1);
          hasSegments ||= tail.segments.length > 1;
        }
        // Long after: what was known at the time must be enough.
        const { text, passedOver } = await readFrom(lines, iso(at), ahead, world.clock.ms + 10 ** 12);
        expect(text).toBe(expected.map((line) => `${line}\n`).join(""));
        expect(passedOver).toBe(first === -1 ? lines.length : first);
      }
    }),
    { numRuns: 60 },
  );
  expect(hasSegments).toBe(true);
});

test("[TIME1] a producer that is ahead all day is remembered in bounded room, and never later than a receipt of its time", () => {
  const ahead: AheadLines[] = [];
  const receipts: string[] = [];
  for (let sequence = 1; sequence <= 10_000; sequence += 1) {
    receipts.push(iso(sequence * 1_000));
    noteReceipt(ahead, sequence, iso(sequence * 1_000 + 5_000), iso(sequence * 1_000));
  }
  expect(ahead.length).toBeLessThanOrEqual(1_000);
  expect(ahead.reduce((sum, { firstSequence, lastSequence }) => sum + lastSequence - firstSequence + 1, 0)).toBe(
    10_000,
  );
  for (const { lastSequence, receivedAt } of ahead) expect(receivedAt).toBe(receipts[lastSequence - 1]);
});

test("a damaged line moves no time", async () => {
  const line = (sequence: number, at: number) =>
    `{"sequence":${sequence},"type":"a.b","created_at":"${iso(at)}","payload":{}}`;
  const lines = [line(1, 1), "\u0000damage", line(3, 3)];
  expect((await readFrom(lines, iso(2), [], 10)).text).toBe(`${line(3, 3)}\n`);
});
