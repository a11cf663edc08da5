import { expect, test } from "vitest";
import { TIME_COLUMNS, timeBeside } from "./time-column.ts";

const AT = Date.UTC(2026, 10, 21, 2, 30, 0, 123);

test.each([
  ["off", ""],
  ["relative", "+1:01:05.100"],
  ["delta", "+0:00.023"],
] as const)("%s", (mode, said) => expect(timeBeside(mode, AT, { start: AT - 3_665_100, before: AT - 23 })).toBe(said));

test("the time of day is the reader's own, to the millisecond", () =>
  expect(timeBeside("absolute", AT, { start: null, before: null })).toMatch(/^\d\d:30:00\.123$/));

test("what is not known is empty, and a clock that went back is told", () => {
  const unknown = { start: null, before: null };
  expect([timeBeside("relative", AT, unknown), timeBeside("delta", AT, unknown)]).toEqual(["", ""]);
  expect(timeBeside("delta", AT, { start: null, before: AT + 1_500 })).toBe("-0:01.500");
});

test("each of them leaves room behind it, up to an hour and a day", () => {
  expect(timeBeside("relative", AT, { start: AT - 35_999_999, before: null }).length).toBeLessThan(
    TIME_COLUMNS.relative + 1,
  );
  expect(timeBeside("delta", AT, { start: null, before: AT - 3_599_999 }).length).toBeLessThan(TIME_COLUMNS.delta);
});
