import { describe, expect, test } from "vitest";
import { linesFragment, momentFragment, parseFragment } from "./line-fragment.ts";

describe("what an address points at", () => {
  test.each([
    ["#L120", { kind: "lines", first: 120, last: 120 }],
    ["#L120-L160", { kind: "lines", first: 120, last: 160 }],
    ["#L160-120", { kind: "lines", first: 120, last: 160 }],
    ["#T2026-11-21T02:30:00.123Z", { kind: "moment", at: "2026-11-21T02:30:00.123Z" }],
    ["#T2026-11-21T03:30:00%2E5+01:00", null],
    ["#T2026-11-21T03:30:00+01:00", { kind: "moment", at: "2026-11-21T02:30:00.000Z" }],
    ["#T2026-11-21T03%3A30%3A00Z", { kind: "moment", at: "2026-11-21T03:30:00.000Z" }],
    ["#T2026-13-41T03:30:00Z", null],
    ["#L0", null],
    ["#L12-", null],
    ["#L-3", null],
    ["#L99999999999999999", null],
    ["#summary", null],
    ["", null],
  ])("%s", (hash, place) => expect(parseFragment(hash)).toEqual(place));

  test("is written as it is read", () => {
    for (const range of [
      { first: 1, last: 1 },
      { first: 7, last: 10_000_000 },
    ])
      expect(parseFragment(linesFragment(range))).toEqual({ kind: "lines", ...range });
    const at = "2026-11-21T02:30:00.123Z";
    expect(parseFragment(momentFragment(at))).toEqual({ kind: "moment", at });
  });
});
