import { describe, expect, test } from "vitest";
import type { Run } from "../../../../protocol/api.ts";
import { QUEUED_RUN } from "../../../../protocol/testing/queued-run.ts";
import { dayBars, figuresOf } from "./figures.ts";
import { addPage, editRun, firstPage, NO_RUNS, removeRun, showWaiting, takeChanges } from "./run-list.ts";
import { EVERYTHING, filterToQuery, filterToSearch, isEverything, matchesFilter, parseFilter } from "./runs-filter.ts";

const run = (n: number, more: Partial<Run> = {}): Run => ({
  ...QUEUED_RUN,
  run_id: `0193d000-0000-7000-8000-${String(n).padStart(12, "0")}`,
  name: `run ${n}`,
  status: "running",
  parameters: {},
  created_at: new Date(1_795_000_000_000 + n * 1000).toISOString(),
  event_bytes: 0,
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
  const NOW = Date.parse("2026-11-21T12:00:00.000Z");
  const FULL =
    "?status=failed&label=branch%3Amain&label=a%3A&workflow=etl&since=24h&severity=error&pinned=true&q=web+build";

  test("there and back", () => expect(filterToSearch(parseFilter(new URLSearchParams(FULL)))).toBe(FULL));
  test("what is not known is passed over", () =>
    expect(parseFilter(new URLSearchParams("?status=x&since=1y&severity=x&label=nocolon&label=:v&pinned=1"))).toEqual(
      EVERYTHING,
    ));
  test("blanks ask for nothing", () => expect(isEverything({ ...EVERYTHING, text: " " })).toBe(true));
  test("the server is asked in its own words", () =>
    expect(filterToQuery(parseFilter(new URLSearchParams(FULL)), NOW)).toEqual({
      status: ["failed"],
      label: ["branch:main", "a:"],
      workflow_id: "etl",
      created_after: "2026-11-20T12:00:00.000Z",
      max_validation_severity: "error",
      pinned: true,
      q: "web build",
    }));

  const told = run(1, {
    name: "Build the web",
    workflow_id: "etl",
    labels: { branch: "main:x" },
    created_at: "2026-11-21T11:30:00.000Z",
    max_validation_severity: "error",
  });
  test.each([
    [{ text: "build" }, true],
    [{ text: "web BUILD" }, true],
    [{ text: "0193d0" }, true],
    [{ text: "deploy web" }, false],
    [{ statuses: ["failed"] }, false],
    [{ workflow: "etl" }, true],
    [{ workflow: "other" }, false],
    [{ labels: ["branch:main:x"] }, true],
    [{ labels: ["branch:main"] }, false],
    [{ labels: ["toString:"] }, false],
    [{ since: "1h" }, true],
    [{ severity: "warning" }, false],
    [{ pinned: true }, false],
  ] as const)("a run told by the socket is held against %j: %j", (part, matches) =>
    expect(matchesFilter(told, { ...EVERYTHING, ...part }, NOW)).toBe(matches),
  );
  test("an hour later it is no longer of the last hour", () =>
    expect(matchesFilter(told, { ...EVERYTHING, since: "1h" }, NOW + 3_600_000)).toBe(false));
});

test("an edit changes the row and leaves it where it is", () => {
  const list = firstPage({ items: [run(2), run(1)], next_cursor: null });
  expect(editRun(list, run(1).run_id, { pinned: true }).rows.map(({ pinned }) => pinned)).toEqual([false, true]);
});

describe("figures", () => {
  const stats = {
    counts: { queued: 0, building: 0, running: 1, succeeded: 2, failed: 1, cancelled: 0 },
    total: 4,
    active: 1,
    success_rate: 0.9996,
    duration_ms: { p50: 64_000, p95: 372_000 },
    runs_per_day: [],
    workflows: [],
  };
  const valuesOf = (given: Parameters<typeof figuresOf>[0]): string[] => figuresOf(given).map(({ value }) => value);

  test("before they are known, and where nothing has ended, there are none", () => {
    expect(valuesOf(null)).toEqual(["–", "–", "–", "–"]);
    expect(valuesOf({ ...stats, success_rate: null, duration_ms: { p50: null, p95: null } })).toEqual([
      "1",
      "–",
      "–",
      "–",
    ]);
  });
  test("99.96 % is not shown as all", () => expect(valuesOf(stats)).toEqual(["1", "99.9 %", "1m 04s", "6m 12s"]));
  test("a day with one run is seen beside one with a thousand", () => {
    const bars = dayBars([
      { day: "2026-11-19", count: 0 },
      { day: "2026-11-20", count: 1 },
      { day: "2026-11-21", count: 1000 },
    ]);
    expect(bars.map(({ share }) => share)).toEqual([0, 0.12, 1]);
  });
});
