import { expect, test } from "vitest";
import { askedMoment } from "./asked-moment.ts";

/** The reader's own time, as they would write it. */
const local = (text: string): string => new Date(text).toISOString();
const run = { created_at: local("2026-11-21T22:00:00"), started_at: local("2026-11-21T23:30:20") };

test.each([
  ["2026-11-21T02:30:00.123Z", "2026-11-21T02:30:00.123Z"],
  ["2026-11-22 01:02", local("2026-11-22T01:02:00")],
  ["23:45", local("2026-11-21T23:45:00")],
  ["23:30", local("2026-11-21T23:30:00")],
  ["0:15:30.5", local("2026-11-22T00:15:30.500")],
  ["+90s", local("2026-11-21T23:31:50")],
  ["+1h30m", local("2026-11-22T01:00:20")],
  ["+2:05", local("2026-11-21T23:32:25")],
  ["+1:00:00", local("2026-11-22T00:30:20")],
  ["120", null],
  ["24:00", null],
  ["+", null],
  ["+5", null],
  ["2026-13-41T02:30", null],
  ["error 12:30", null],
])("%s", (query, at) => expect(askedMoment(query, run)).toBe(at));

test("a run that has not begun is counted from when it was made", () =>
  expect(askedMoment("+10s", { ...run, started_at: null })).toBe(local("2026-11-21T22:00:10")));
