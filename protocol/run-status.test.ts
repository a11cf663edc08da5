import { expect, test } from "vitest";
import { RUN_STATUSES } from "./event.ts";
import { canMove, judgeStart } from "./run-status.ts";

test("[STA1] of the 36 pairs of statuses exactly these are moves", () => {
  const legal = RUN_STATUSES.flatMap((from) =>
    RUN_STATUSES.filter((to) => canMove(from, to)).map((to) => `${from} ${to}`),
  );
  expect(legal.toSorted()).toEqual(
    [
      "queued building",
      "queued running",
      "queued failed",
      "queued cancelled",
      "building running",
      "building failed",
      "building cancelled",
      "running succeeded",
      "running failed",
      "running cancelled",
    ].toSorted(),
  );
});

test("[STA2] a start moves, stays, or is illegal", () => {
  expect(RUN_STATUSES.map((from) => [from, judgeStart(from, "building"), judgeStart(from, "running")])).toEqual([
    ["queued", "moves", "moves"],
    ["building", "stays", "moves"],
    ["running", "illegal", "stays"],
    ["succeeded", "illegal", "illegal"],
    ["failed", "illegal", "illegal"],
    ["cancelled", "illegal", "illegal"],
  ]);
});
