import { expect, test } from "vitest";
import type { Row } from "../figure.ts";
import { tableOf } from "./print-table.ts";
import { verdictOn } from "./verdict.ts";

const row: Row = {
  case: "50 a batch",
  unit: "events/s",
  better: "more",
  by: {
    raw: { values: [100, 50, 200], notes: ["only 7 of 8 came"] },
    runcast: { values: [90, 40, 160], usage: [{ wall: 2, generator: 1, server: 3 }] },
  },
  targets: [{ peer: "raw", factor: 0.8 }, { value: 100 }],
};

test("a ratio is the median of the rounds, each in its own", () => {
  expect(verdictOn(row, { peer: "raw", factor: 0.8 })).toEqual({ asked: "≥ 0.8 × raw", measured: 0.8, isMet: true });
  expect(verdictOn(row, { peer: "raw", factor: 0.9 }).isMet).toBe(false);
  expect(verdictOn({ ...row, better: "less" }, { peer: "raw", factor: 0.9 }).isMet).toBe(true);
  expect(verdictOn(row, { value: 100 })).toEqual({ asked: "≥ 100 events/s", measured: 90, isMet: false });
});

test("what was not measured meets nothing", () => {
  const failed = { ...row, by: { ...row.by, runcast: { values: [] } } };
  expect(verdictOn(failed, { peer: "raw", factor: 0.8 }).isMet).toBe(false);
  expect(verdictOn({ ...failed, better: "less" }, { value: 100 }).isMet).toBe(false);
});

test("the table says medians, ranges, ratios, what was missed, and what the load generator took", () => {
  const table = tableOf("Ingest", [row], {
    rounds: 3,
    seconds: 1,
    scale: 1,
    isSmoke: false,
    wants: { case: () => true, peer: () => true },
  }).replaceAll(/ +/g, " ");
  for (const part of [
    "runcast 90 (40 – 160) load generator 0.50 · server 1.50 cores",
    "raw 100 (50 – 200) runcast 0.8 ×",
    "! only 7 of 8 came",
    "met ≥ 0.8 × raw: 0.8",
    "MISSED ≥ 100 events/s: 90",
  ])
    expect(table).toContain(part);
  expect(table.indexOf("runcast 90")).toBeLessThan(table.indexOf("raw 100"));
});
