import fc from "fast-check";
import { expect, test } from "vitest";
import { parseInstant } from "./instant.ts";

const iso = (text: string): string | null => {
  const at = parseInstant(text);
  return at === null ? null : new Date(at).toISOString();
};

test.each([
  ["2026-11-21T02:30:00Z", "2026-11-21T02:30:00.000Z"],
  ["2026-11-21t02:30:00z", "2026-11-21T02:30:00.000Z"],
  ["2026-11-21T02:30:00.1239999Z", "2026-11-21T02:30:00.123Z"],
  ["2026-11-21T02:30:00.5+05:30", "2026-11-20T21:00:00.500Z"],
  ["2026-12-31T23:59:59.999-00:01", "2027-01-01T00:00:59.999Z"],
  ["1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"],
  ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"],
  ["2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00.000Z"],
  ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
  ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
])("[EVT5] %s is %s", (text, expected) => {
  expect(iso(text)).toBe(expected);
});

test.each([
  "",
  "yesterday",
  "2026-11-21",
  "2026-11-21T02:30:00",
  "2026-11-21 02:30:00Z",
  "2026-11-21T02:30Z",
  "2026-11-21T02:30:00.Z",
  "2026-02-29T00:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-00-01T00:00:00Z",
  "2026-11-31T00:00:00Z",
  "2026-11-21T24:00:00Z",
  "2026-11-21T02:60:00Z",
  "2026-11-21T02:30:61Z",
  "2026-11-21T02:30:60Z",
  "2026-11-21T02:30:00+24:00",
  "2026-11-21T02:30:00+02:60",
  "0000-01-01T00:00:00+00:01",
  "9999-12-31T23:59:59-00:01",
  "+12026-11-21T02:30:00Z",
  "2026-11-21T02:30:00Z\n",
])("[EVT5] %j is no time", (text) => {
  expect(parseInstant(text)).toBeNull();
});

test("[EVT5] every time that is written is read back as itself", () => {
  const dates = fc.date({
    min: new Date("0000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59.999Z"),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(dates, (date) => {
      expect(parseInstant(date.toISOString())).toBe(date.getTime());
    }),
  );
});
