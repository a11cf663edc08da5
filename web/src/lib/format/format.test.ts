import { describe, expect, test } from "vitest";
import { formatClock, formatSpan } from "./duration.ts";
import { formatBytes, formatNumber, formatPercent, formatPlural, formatShort } from "./number.ts";
import { formatAgo } from "./time.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("a ticking clock", () => {
  test.each([
    [-500, "0:00"],
    [7_999, "0:07"],
    [3 * MINUTE + 12_000, "3:12"],
    [HOUR + 4 * MINUTE + 9_000, "1:04:09"],
    [2 * DAY + 3 * HOUR + 4 * MINUTE, "2d 03:04"],
  ])("%d ms reads %s", (span, text) => expect(formatClock(span)).toBe(text));
});

describe("a measured span", () => {
  test.each([
    [0, "0 ms"],
    [84.4, "84 ms"],
    [1_290, "1.2 s"],
    [59_999, "59 s"],
    [192_000, "3m 12s"],
    [HOUR + 4 * MINUTE, "1h 04m"],
    [25 * HOUR, "1d 01h"],
  ])("%d ms reads %s", (span, text) => expect(formatSpan(span)).toBe(text));
});

describe("numbers", () => {
  test("99.9 % done is not shown as done", () => expect(formatPercent(99.9)).toBe("99 %"));
  test("100 is", () => expect(formatPercent(100)).toBe("100 %"));
  test("one is singular", () =>
    expect([formatPlural(1, "event"), formatPlural(1204, "event")]).toEqual(["1 event", "1,204 events"]));
  test.each([
    [1_204_331, "1,204,331"],
    [0.1 + 0.2, "0.3"],
    [1e308, "1e+308"],
    [-0.000_000_123_456_7, "-1.23457e-7"],
  ])("the value %d reads %s", (value, text) => expect(formatNumber(value)).toBe(text));
  test("rounding does not reach 1000k", () => expect(formatShort(999_960)).toBe("1M"));
  test.each([
    [0, "0 B"],
    [1536, "1.5 KiB"],
    [48 * 1024 * 1024, "48 MiB"],
  ])("%d bytes read %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe("how long ago", () => {
  const now = new Date(2026, 10, 21, 12).getTime();
  test.each([
    [30_000, "now"],
    [-30_000, "now"],
    [5 * MINUTE, "5m ago"],
    [2 * HOUR, "2h ago"],
    [3 * DAY, "3d ago"],
    [7 * DAY, "14 Nov"],
    [365 * DAY, "21 Nov 2025"],
  ])("%d ms ago reads %s", (span, text) => expect(formatAgo(now - span, now)).toBe(text));
});
