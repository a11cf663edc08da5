import type { Figure } from "../figure.ts";
import { appendRows, type AppendCase } from "../load/append-rows.ts";

const CASES: AppendCase[] = [
  { size: 1, producers: 1, watchers: 100 },
  { size: 1, producers: 1, watchers: 500 },
  {
    size: 1,
    producers: 16,
    watchers: 500,
    targets: [
      { peer: "node", factor: 3 },
      { peer: "naive", factor: 4 },
    ],
  },
  {
    size: 50,
    producers: 1,
    watchers: 100,
    targets: [
      { peer: "raw", factor: 0.8 },
      { peer: "naive", factor: 8 },
    ],
  },
  { size: 50, producers: 1, watchers: 500 },
  // Last: a server that fails under the most is stopped, and is measured no more.
  { size: 50, producers: 1, watchers: 2_000 },
  { size: 1, producers: 1, watchers: 2_000 },
];
const SMOKE_CASES: AppendCase[] = [{ size: 1, producers: 2, watchers: 3 }];

export const fanOut: Figure = {
  title: "Fan-out: events a second that watchers receive, all of them together",
  measure: (bench) => appendRows(bench, bench.isSmoke ? SMOKE_CASES : CASES, ({ delivered }) => delivered),
};
