import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Proof, Run } from "../../../../protocol/api.ts";
import { ReceivedHash } from "./received-hash.ts";
import { NOT_VERIFIED, proofInWords, rangesInWords, sealOf, verifiedAgo, type SealFacts } from "./seal.ts";
import { RUN } from "./testing/run.ts";

const linesOf = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, at) => ({
    sequence: first + at,
    line: `{"sequence":${first + at},"ü":"😀"}`,
  }));
const sha256Of = (lines: readonly { line: string }[]): string =>
  createHash("sha256")
    .update(lines.map(({ line }) => `${line}\n`).join(""))
    .digest("hex");

describe("the page's own hash", () => {
  test("is that of all lines with their newlines, however they came", () => {
    const hash = new ReceivedHash();
    hash.take(linesOf(1, 1));
    hash.take([]);
    hash.take(linesOf(2, 700));
    hash.take(linesOf(701, 703));
    expect(hash.of(703)).toBe(sha256Of(linesOf(1, 703)));
    expect(hash.of(702)).toBeNull();
    expect(hash.of(704)).toBeNull();
  });
  test("is nothing when the first line was not among them, or one was left out", () => {
    const late = new ReceivedHash();
    late.take(linesOf(501, 600));
    const holed = new ReceivedHash();
    holed.take(linesOf(1, 3));
    holed.take(linesOf(5, 6));
    holed.take(linesOf(7, 8));
    expect([late.of(600), holed.of(8), holed.of(6)]).toEqual([null, null, null]);
  });
});

describe("what a finished log may claim", () => {
  const [OURS, OTHER] = ["a".repeat(64), "b".repeat(64)];
  const run: Run = { ...RUN, status: "succeeded", last_sequence: 43 };
  const proof: Proof = {
    complete: true,
    events: 43,
    sha256: OURS,
    gaps: [],
    damaged: [],
    manifest: "valid",
    signed_by: "0123456789abcdef",
  };
  const facts: SealFacts = {
    run,
    isComplete: true,
    damagedLines: 0,
    received: OURS,
    stored: OURS,
    verification: NOT_VERIFIED,
  };
  const seal = (more: Partial<SealFacts>) => sealOf({ ...facts, ...more });
  const answered = (more: Partial<Proof>) => ({
    ...NOT_VERIFIED,
    answer: { at: 1_000, proof: { ...proof, ...more } },
  });

  test("nothing while it goes on, or before its last line has come", () => {
    expect(seal({ run: { ...run, status: "running" } })).toEqual({ kind: "none" });
    expect(seal({ isComplete: false })).toEqual({ kind: "none" });
  });
  test("complete, only when the page's own hash is the server's", () => {
    expect(seal({})).toEqual({ kind: "complete", events: 43, sha256: OURS, isOwn: true, verifiedAt: null });
    expect(seal({ received: OTHER })).toMatchObject({ kind: "broken", what: "differs" });
  });
  test("only that it ended, when not every line passed through the page, or the server has no hash", () => {
    expect(seal({ received: null })).toEqual({ kind: "ended", events: 43 });
    expect(seal({ stored: null })).toEqual({ kind: "ended", events: 43 });
    const verification = { ...NOT_VERIFIED, isRunning: true, problem: "no answer" };
    expect(seal({ received: null, verification }).kind).toBe("ended");
  });
  test("damage and what is missing, before any hash", () => {
    expect(seal({ damagedLines: 2 })).toMatchObject({ kind: "broken", what: "damaged" });
    expect(seal({ run: { ...run, incomplete: true } })).toMatchObject({ kind: "broken", what: "incomplete" });
  });
  test("verified, only after a verification, whose word counts most", () => {
    const verification = answered({});
    expect(seal({ received: null, stored: null, verification })).toEqual({
      kind: "complete",
      events: 43,
      sha256: OURS,
      isOwn: false,
      verifiedAt: 1_000,
    });
    expect(seal({ verification })).toMatchObject({ kind: "complete", isOwn: true, verifiedAt: 1_000 });
    expect(seal({ received: OTHER, verification })).toMatchObject({ kind: "broken", what: "differs" });
    const gaps = [{ first: 3, last: 4 }];
    // Whoever asks again is not told meanwhile that all is well.
    const again = { ...answered({ complete: false, gaps }), isRunning: true };
    expect(seal({ verification: again })).toMatchObject({ kind: "broken", what: "incomplete" });
    expect(seal({ verification: answered({ complete: false, gaps }) })).toMatchObject({ what: "incomplete" });
    const damaged = gaps.map((range) => ({ ...range, reason: "altered" as const }));
    const unproved = gaps.map((range) => ({ ...range, reason: "unproved" as const }));
    expect(seal({ verification: answered({ complete: false, damaged: unproved }) })).toMatchObject({
      what: "unproved",
    });
    expect(seal({ verification: answered({ complete: false, damaged, gaps }) })).toMatchObject({
      what: "damaged",
    });
  });
});

test("how long ago it was verified, in words", () => {
  const complete = { kind: "complete", events: 1, sha256: "", isOwn: true, verifiedAt: 5_000 } as const;
  expect([0, 59_999, 60_000, 185_000, 2 * 3_600_000].map((ms) => verifiedAgo(complete, 5_000 + ms))).toEqual([
    "verified just now",
    "verified just now",
    "verified 1 min ago",
    "verified 3 min ago",
    "verified 2 h ago",
  ]);
  const broken = { kind: "broken", events: 1, what: "damaged", verifiedAt: 0 } as const;
  expect(verifiedAgo(broken, 60_000)).toBe("checked 1 min ago");
  expect([verifiedAgo({ ...complete, verifiedAt: null }, 0), verifiedAgo({ kind: "ended", events: 1 }, 0)]).toEqual([
    null,
    null,
  ]);
});

test("ranges are named, as far as there is room", () => {
  const one = (n: number) => ({ first: n, last: n });
  expect(rangesInWords([], "damaged")).toBeNull();
  expect(rangesInWords([one(9)], "damaged")).toBe("event 9 is damaged");
  expect(rangesInWords([{ first: 9, last: 1_204 }], "missing")).toBe("events 9 to 1,204 are missing");
  expect(rangesInWords([1, 3, 5, 7, 9, 11].map(one), "damaged")).toBe(
    "event 1, event 3, event 5, event 7 and 2 other ranges are damaged",
  );
});

test("what a verification found is said by kind", () =>
  expect(
    proofInWords({
      complete: false,
      events: 9,
      sha256: "",
      gaps: [{ first: 12, last: 14 }],
      damaged: [
        { first: 1, last: 2, reason: "altered" },
        { first: 4, last: 4, reason: "unreadable" },
        { first: 6, last: 9, reason: "unproved" },
      ],
      manifest: "edited",
      signed_by: null,
    }),
  ).toBe(
    "events 12 to 14 are missing, event 4 is unreadable, events 1 to 2 are not as they were written, events 6 to 9 are without proof, its manifest was changed after it was signed",
  ));
