import { describe, expect, test } from "vitest";
import type { Run } from "../../../../protocol/api.ts";
import { figuresOf } from "./figures.ts";
import { addPage, firstPage, NO_RUNS, removeRun, showWaiting, takeChanges } from "./run-list.ts";
import { filterToSearch, matchesFilter, parseFilter } from "./runs-filter.ts";

const run = (n: number, more: Partial<Run> = {}): Run => ({
  run_id: `0193d000-0000-7000-8000-${String(n).padStart(12, "0")}`,
  workspace_id: "default",
  workflow_id: null,
  workflow_version: null,
  name: `run ${n}`,
  status: "running",
  parameters: {},
  labels: {},
  pinned: false,
  created_at: new Date(1_795_000_000_000 + n * 1000).toISOString(),
  started_at: null,
  completed_at: null,
  duration_ms: null,
  progress: null,
  exit_code: null,
  failure: null,
  last_sequence: 1,
  event_bytes: 0,
  events_path: null,
  output_paths: [],
  logging_degraded: false,
  incomplete: false,
  stale: false,
  table_count: null,
  row_count: null,
  input_file_count: null,
  max_validation_severity: null,
  watch_url: "",
  ...more,
});
const names = (runs: readonly Run[]): (string | null)[] => runs.map(({ name }) => name);
const ALL = { matches: () => true, hold: false };

describe("the list follows what the socket tells", () => {
  const list = firstPage({ items: [run(3), run(2), run(1)], next_cursor: null });

  test("a change stays in its row", () => {
    const next = takeChanges(list, [run(2, { status: "failed", last_sequence: 9 })], ALL);
    expect(next.rows.map(({ status }) => status)).toEqual(["running", "failed", "running"]);
  });
  test("an older word does not undo a newer one, and an end is final", () => {
    const ended = takeChanges(list, [run(2, { status: "succeeded", last_sequence: 9 })], ALL);
    expect(takeChanges(ended, [run(2, { last_sequence: 10 })], ALL).rows[1]?.status).toBe("succeeded");
    const ahead = takeChanges(list, [run(2, { last_sequence: 9 })], ALL);
    expect(takeChanges(ahead, [run(2, { last_sequence: 4 })], ALL).rows[1]?.last_sequence).toBe(9);
  });
  test("a new run comes in at the top", () =>
    expect(names(takeChanges(list, [run(4)], ALL).rows)).toEqual(["run 4", "run 3", "run 2", "run 1"]));
  test("under a pointer it waits, and then takes its place", () => {
    const held = takeChanges(list, [run(4)], { ...ALL, hold: true });
    expect([names(held.rows), names(held.waiting)]).toEqual([["run 3", "run 2", "run 1"], ["run 4"]]);
    expect(names(showWaiting(held).rows)[0]).toBe("run 4");
  });
  test("one that does not match stays out", () =>
    expect(takeChanges(list, [run(4)], { ...ALL, matches: () => false })).toEqual(list));
  test("one older than the pages read so far comes with its page, once", () => {
    const paged = firstPage({ items: [run(3), run(2)], next_cursor: "c" });
    expect(names(takeChanges(paged, [run(1)], ALL).rows)).toEqual(["run 3", "run 2"]);
    expect(names(addPage(paged, { items: [run(2), run(1)], next_cursor: null }).rows)).toEqual([
      "run 3",
      "run 2",
      "run 1",
    ]);
  });
  test("a deleted run leaves", () => expect(names(removeRun(list, run(2).run_id).rows)).toEqual(["run 3", "run 1"]));
  test("the first run of all comes into an empty list", () =>
    expect(names(takeChanges(NO_RUNS, [run(1)], ALL).rows)).toEqual(["run 1"]));
});

describe("the filter is in the address", () => {
  test("there and back", () => {
    const filter = parseFilter(new URLSearchParams("?status=failed&status=nonsense&q=web%20build"));
    expect(filter).toEqual({ statuses: ["failed"], text: "web build" });
    expect(filterToSearch(filter)).toBe("?status=failed&q=web+build");
    expect(filterToSearch({ statuses: [], text: " " })).toBe("");
  });
  test.each([
    ["build", true],
    ["web build", true],
    ["web", true],
    ["0193d0", true],
    ["deploy web", false],
  ])("%j matches 'build the web': %j", (text, matches) =>
    expect(matchesFilter(run(1, { name: "Build the web" }), { statuses: [], text })).toBe(matches),
  );
});

describe("figures", () => {
  test("of nothing there are none", () =>
    expect(figuresOf([])).toEqual({ active: 0, finished: 0, successRate: null, p50Ms: null, p95Ms: null, bars: [] }));
  test("they are those of the listed runs", () => {
    const ended = (n: number, status: Run["status"], durationMs: number): Run =>
      run(n, { status, duration_ms: durationMs });
    const figures = figuresOf([
      run(5),
      ended(4, "succeeded", 400),
      ended(3, "failed", 100),
      ended(2, "succeeded", 200),
      ended(1, "succeeded", 300),
    ]);
    expect(figures).toMatchObject({ active: 1, finished: 4, successRate: 75, p50Ms: 200, p95Ms: 400 });
    expect(figures.bars.map(({ share }) => share)).toEqual([0.75, 0.5, 0.25, 1]);
  });
});
