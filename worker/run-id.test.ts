import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isRunId, newRunId } from "./run-id.ts";

test("an id of any time and any chance is a UUIDv7 that begins with its time", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      fc.uint8Array({ minLength: 10, maxLength: 10 }),
      (now, random) => {
        const id = newRunId(now, random);
        expect(isRunId(id)).toBe(true);
        expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(now);
      },
    ),
  );
});

test("ids made later sort later, and two of one moment differ", () => {
  expect(newRunId(2) > newRunId(1)).toBe(true);
  expect(newRunId(1)).not.toBe(newRunId(1));
});

test.each(["", "1", "../x", newRunId(1).toUpperCase(), `${newRunId(1)} `, "0194a8e0-0000-4000-8000-000000000000"])(
  "%j is none",
  (text) => {
    expect(isRunId(text)).toBe(false);
  },
);
