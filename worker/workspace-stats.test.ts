import { expect, test } from "vitest";
import type { RunStats } from "../core/ports.ts";
import { noCounts } from "../storage/run-stats.ts";
import { statsDays, toWireStats } from "./workspace-stats.ts";

const stats = (over: Partial<RunStats> = {}): RunStats => ({
  counts: noCounts(),
  durationMs: { p50: null, p95: null },
  perDay: [],
  workflows: [],
  open: [],
  ...over,
});

test("[STS1] an empty workspace has zeros, and null for what nothing is known of", () => {
  expect(toWireStats(stats(), [], ["2026-11-21"])).toEqual({
    counts: noCounts(),
    total: 0,
    active: 0,
    success_rate: null,
    duration_ms: { p50: null, p95: null },
    runs_per_day: [{ day: "2026-11-21", count: 0 }],
    workflows: [],
  });
});

test("[STS1] an open run counts as what it is by now; what is older than the index changes nothing", () => {
  const last = { run_id: "a", status: "queued" as const, created_at: "t" };
  const wire = toWireStats(
    stats({
      counts: { ...noCounts(), queued: 2, running: 1, succeeded: 3, failed: 1 },
      workflows: [{ workflowId: "etl", total: 4, last }],
      open: [
        { runId: "a", status: "queued", revision: 1 },
        { runId: "b", status: "queued", revision: 5 },
        { runId: "c", status: "running", revision: 2 },
      ],
    }),
    [
      { runId: "a", status: "running", revision: 2 },
      { runId: "b", status: "building", revision: 4 },
      { runId: "unknown", status: "running", revision: 9 },
    ],
    [],
  );
  expect(wire.counts).toEqual({ ...noCounts(), queued: 1, running: 2, succeeded: 3, failed: 1 });
  expect([wire.total, wire.active, wire.success_rate]).toEqual([7, 3, 0.75]);
  expect(wire.workflows).toMatchObject([{ last_status: "running" }]);
});

test("the days are thirty in UTC, across a month and a leap day, today last", () => {
  const days = statsDays(Date.parse("2028-03-01T23:59:59.999Z"));
  expect(days).toHaveLength(30);
  expect(days.at(-1)).toBe("2028-03-01");
  expect(days.at(-2)).toBe("2028-02-29");
  expect(days[0]).toBe("2028-02-01");
});
