import { expect, test } from "vitest";
import { FOLLOWING, followAfterScroll, newRows, stopFollowing } from "./follow-tail.ts";

test("moving up lets go", () =>
  expect(followAfterScroll(FOLLOWING, { byPx: -1, isAtEnd: false, head: 7 })).toEqual({ kind: "reading", since: 7 }));

test("a bounce at the end does not", () =>
  expect(followAfterScroll(FOLLOWING, { byPx: -1, isAtEnd: true, head: 7 })).toEqual(FOLLOWING));

test("moving down, short of the end, changes nothing", () => {
  const reading = stopFollowing(FOLLOWING, 7);
  expect(followAfterScroll(reading, { byPx: 50, isAtEnd: false, head: 9 })).toBe(reading);
});

test("meeting the end follows again", () =>
  expect(followAfterScroll(stopFollowing(FOLLOWING, 7), { byPx: 50, isAtEnd: true, head: 9 })).toEqual(FOLLOWING));

test("new rows are counted from when one let go, not from the last movement", () => {
  let tail = followAfterScroll(FOLLOWING, { byPx: -40, isAtEnd: false, head: 100 });
  tail = followAfterScroll(tail, { byPx: -40, isAtEnd: false, head: 130 });
  const all = (sequence: number): number => sequence;
  const halved = (sequence: number): number => sequence / 2;
  expect([newRows(tail, 150, all), newRows(tail, 150, halved), newRows(FOLLOWING, 150, all)]).toEqual([50, 25, 0]);
});
