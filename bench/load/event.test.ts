import * as fc from "fast-check";
import { expect, test } from "vitest";
import { consoleEvent, EventCounter, paddedEvent } from "./event.ts";

/** As the peers put them on the wire: lines, numbered lines, a list in a server-sent event. */
const forms = [
  (event: string) => `${event}\n`,
  (event: string) => `{"sequence":17,${event.slice(1)}\n`,
  (event: string) => `event: data\ndata:[${event},${event}]\n\nevent: control\ndata:{"upToDate":true}\n\n`,
];

test("every event is counted once, wherever what is received is cut", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...forms),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.nat({ max: 4_000 }), { maxLength: 12 }),
      (form, events, cuts) => {
        const bytes = Buffer.from(form(consoleEvent()).repeat(events));
        const counter = new EventCounter({ isTimed: true });
        let from = 0;
        for (const to of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
          if (to <= from) continue;
          counter.take(bytes.subarray(from, to));
          from = to;
        }
        expect(counter.received).toBe(bytes.toString().split('"sent":').length - 1);
        expect(counter.latencies).toHaveLength(counter.received);
        expect(counter.latencies.every((ms) => ms >= 0 && ms < 60_000)).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});

test("an event can be made of so many bytes", () => {
  expect([200, 1_000].map((bytes) => paddedEvent(bytes).length)).toEqual([200, 1_000]);
});
