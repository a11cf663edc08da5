import type { Figure, Target } from "../figure.ts";
import { appendRows } from "../load/append-rows.ts";

const TARGETS: Target[] = [{ peer: "raw", factor: 0.8 }];
const CASES = [1, 50, 1_000].flatMap((size) =>
  [1, 16].flatMap((producers) =>
    [0, 100].map((watchers) => ({ size, producers, watchers, targets: watchers === 0 ? TARGETS : [] })),
  ),
);
const SMOKE_CASES = [{ size: 50, producers: 2, watchers: 2 }];

export const ingest: Figure = {
  title: "Ingest: events a second that are stored",
  measure: (bench) => appendRows(bench, bench.isSmoke ? SMOKE_CASES : CASES, ({ appended }) => appended),
};
