import fc from "fast-check";
import { expect, test } from "vitest";
import { RUN_STATUSES } from "./event.ts";
import { foldRunState, newRunState, type RunState } from "./run-state.ts";
import { LIMITS } from "./limits.ts";
import { anyEvent } from "./testing/any-event.ts";

const at = (second: number): string => new Date(Date.UTC(2026, 10, 21, 2, 30, second)).toISOString();
type Told = [type: string, payload?: Record<string, unknown>, second?: number];

/** The state after these events, numbered from 1, one second apart, each a line of 100 bytes. */
function stateAfter(...told: Told[]): RunState {
  return told.reduce(
    (state, [type, payload = {}, second], index) =>
      foldRunState(state, { sequence: index + 1, type, created_at: at(second ?? index), payload }, 100),
    newRunState(),
  );
}
const queued: Told = ["run.queued", { parameters: {} }];

test("[STA3] a new run is queued, and says what it was asked to do", () => {
  const state = stateAfter([
    "run.queued",
    {
      workflow_id: "nightly",
      workflow_version: "3",
      name: "N",
      parameters: { deep: [{ "": null }] },
      queued_by: "ann",
      lease_seconds: 60,
      labels: { a: "b", c: 1 },
    },
  ]);
  expect(state).toEqual({
    ...newRunState(),
    workflow_id: "nightly",
    workflow_version: "3",
    name: "N",
    queued_by: "ann",
    lease_seconds: 60,
    labels: { a: "b" },
    created_at: at(0),
    last_sequence: 1,
    event_bytes: 100,
  });
});

test("every line counts in the head and the bytes, and most in nothing else", () => {
  const before = stateAfter(queued, ["run.started"]);
  const after = stateAfter(
    queued,
    ["run.started"],
    ["console.line", { stream: "stdout", message: "x" }],
    ["my.type", { status: "failed" }],
  );
  expect(after).toEqual({ ...before, last_sequence: 4, event_bytes: 400 });
});

test("[STA1] a run goes queued, building, running, and to its end", () => {
  const story: Told[] = [
    queued,
    ["build.started"],
    ["build.completed", { status: "ok" }],
    ["run.started"],
    ["run.completed", { status: "succeeded" }],
  ];
  const statuses = story.map((_, index) => stateAfter(...story.slice(0, index + 1)).status);
  expect(statuses).toEqual(["queued", "building", "building", "running", "succeeded"]);
});

test("[STA2] a second start moves nothing, not even the time of the first", () => {
  expect(stateAfter(queued, ["run.started"], ["run.started"], ["build.started"])).toMatchObject({
    status: "running",
    started_at: at(1),
  });
});

test("[STA4] a start is never earlier than the run", () => {
  expect(stateAfter(["run.queued", {}, 30], ["run.started", {}, 10])).toMatchObject({
    created_at: at(30),
    started_at: at(30),
  });
});

test("[STA4] an ended run has the times of its execution", () => {
  const execution = { exit_code: 3, started_at: at(2), completed_at: at(9), duration_ms: 7000 };
  const artifacts = { events_path: "logs/events.ndjson", output_paths: ["a", 1, "b"] };
  const state = stateAfter(queued, ["run.started"], ["run.completed", { status: "failed", execution, artifacts }, 5]);
  expect(state).toMatchObject({
    status: "failed",
    ...execution,
    events_path: "logs/events.ndjson",
    output_paths: ["a", "b"],
  });
});

test("[STA4] an end without execution is not before the start", () => {
  const state = stateAfter(queued, ["run.started", {}, 20], ["run.completed", { status: "cancelled" }, 10]);
  expect(state).toMatchObject({ status: "cancelled", completed_at: at(20), duration_ms: null, exit_code: null });
});

test("[STA1] nothing moves a run that has ended", () => {
  const ended: Told[] = [queued, ["run.completed", { status: "failed" }]];
  const late: Told[] = [
    ["run.started"],
    ["run.error", { code: "X", message: "m" }],
    ["run.completed", { status: "succeeded" }],
  ];
  expect(stateAfter(...ended, ...late)).toEqual({ ...stateAfter(...ended), last_sequence: 5, event_bytes: 500 });
});

test("[STA5] a failure is the end's own, else the last error of a failed run", () => {
  const first: Told = ["run.error", { code: "A", message: "a" }];
  const second: Told = ["run.error", { code: "B", message: "b", stage: "test", details: {} }];
  const end = (payload: Record<string, unknown>) =>
    stateAfter(queued, first, second, ["run.completed", payload]).failure;
  expect(stateAfter(queued, first, second).failure).toEqual({ code: "B", message: "b", stage: "test" });
  expect(end({ status: "failed" })).toEqual({ code: "B", message: "b", stage: "test" });
  expect(end({ status: "failed", failure: { code: "C", message: "c" } })).toEqual({ code: "C", message: "c" });
  expect([end({ status: "succeeded" }), end({ status: "cancelled" })]).toEqual([null, null]);
});

test("[STA5] strings in the state are bounded", () => {
  const message = "é".repeat(200_000);
  const state = stateAfter(queued, ["run.error", { code: message, message }], ["run.progress", { message }]);
  expect(state.failure?.code).toHaveLength(LIMITS.summaryStringChars);
  expect([state.failure?.message.length, state.progress?.message?.length]).toEqual([
    LIMITS.stateStringChars,
    LIMITS.stateStringChars,
  ]);
});

test("[STA6] progress is the last one told, and moves no status", () => {
  const state = stateAfter(
    queued,
    ["run.progress", { percent: 10, message: "a" }],
    ["run.progress", { items_processed: 3, items_total: 9 }],
  );
  expect(state).toMatchObject({
    status: "queued",
    progress: { percent: null, items_processed: 3, items_total: 9, message: null },
  });
  expect(
    stateAfter(queued, ["run.progress", { percent: 10 }], ["run.progress", { percent: "x" }]).progress?.percent,
  ).toBe(10);
  expect(stateAfter(queued, ["run.progress", { percent: Infinity }]).progress).toBeNull();
});

test("[STA7] a request is open until it is acknowledged or the run ends", () => {
  const ask = (id: string): Told => ["control.requested", { control_id: id, action: "cancel", by: "ann", reason: "r" }];
  const open = (...told: Told[]) => stateAfter(queued, ...told).control.map((request) => request.control_id);
  expect(stateAfter(queued, ask("a")).control).toEqual([{ control_id: "a", action: "cancel", by: "ann", reason: "r" }]);
  expect(open(ask("a"), ask("b"), ask("a"))).toEqual(["a", "b"]);
  expect(open(ask("a"), ask("b"), ["control.acknowledged", { control_id: "a", outcome: "done" }])).toEqual(["b"]);
  expect(open(ask("a"), ["run.completed", { status: "cancelled" }])).toEqual([]);
});

test("a lost producer may return, and an ended run misses none", () => {
  expect(stateAfter(queued, ["producer.lost"]).producer_lost).toBe(true);
  expect(stateAfter(queued, ["producer.lost"], ["producer.returned"]).producer_lost).toBe(false);
  expect(stateAfter(queued, ["producer.lost"], ["run.completed", { status: "failed" }]).producer_lost).toBe(false);
});

test("each part of the log is degraded until it recovers", () => {
  const told: Told[] = [
    queued,
    ["log.degraded", { part: "index" }],
    ["log.degraded", { part: "archive" }],
    ["log.degraded", { part: "index" }],
  ];
  expect(stateAfter(...told).degraded).toEqual(["index", "archive"]);
  expect(stateAfter(...told, ["log.recovered", { part: "index" }]).degraded).toEqual(["archive"]);
});

test("[STA3] the fold never fails, stays plain JSON, and goes on from what was stored", () => {
  fc.assert(
    fc.property(fc.array(anyEvent), fc.nat(), (told, cut) => {
      let state = newRunState();
      let resumed = newRunState();
      for (const [index, event] of told.entries()) {
        const line = { sequence: index + 1, ...event };
        state = foldRunState(state, line, 10);
        if (index === cut % told.length) resumed = JSON.parse(JSON.stringify(resumed));
        resumed = foldRunState(resumed, line, 10);
        expect(RUN_STATUSES).toContain(state.status);
      }
      expect(resumed).toEqual(state);
      // Through JSON alike: no undefined, no infinity. -0 reads as 0.
      expect(JSON.stringify(JSON.parse(JSON.stringify(state)))).toBe(JSON.stringify(state));
      expect(state).toMatchObject({ last_sequence: told.length, event_bytes: told.length * 10 });
    }),
    { numRuns: 500 },
  );
});
