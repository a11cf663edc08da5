import { describe, expect, test } from "vitest";
import { parseExposition } from "../../test/support/exposition.ts";
import { liveNumbers } from "../../storage/live-numbers.ts";
import { toExposition } from "./exposition.ts";
import { runMetrics } from "./run-metrics.ts";

describe("the exposition", () => {
  test("whatever is in a label or a help text comes back as it was, and makes no line of its own", () => {
    const hostile = 'a\\b"c\nd} 1\n# TYPE x gauge\\n';
    const text = toExposition([
      {
        name: "one",
        help: "Of \\ and\nof lines.",
        samples: [{ labels: { workspace: hostile, status: "" }, value: 1.5 }],
      },
      { name: "two", help: "None.", samples: [] },
      { name: "three", help: "Without labels.", samples: [{ labels: {}, value: 0 }] },
    ]);
    expect(text.split("\n").length).toBe(9);
    expect(parseExposition(text)).toEqual([
      { name: "one", labels: { workspace: hostile, status: "" }, value: 1.5 },
      { name: "three", labels: {}, value: 0 },
    ]);
  });

  test("a workspace whose live list is away is told as D1 knows it, and what only the list knows is left out", () => {
    const total = {
      workspace_id: "away",
      runs: 2,
      events: 20,
      bytes: 200,
      appends: 9,
      incomplete: 1,
      skipped_lines: 3,
    };
    const totals = [
      { ...total, status: "running" as const },
      { ...total, status: "failed" as const },
    ];
    const series = parseExposition(
      toExposition(
        runMetrics(
          [
            { workspaceId: "away", totals, unreadableRows: 0, live: null },
            {
              workspaceId: "here",
              totals,
              unreadableRows: 5,
              live: { ...liveNumbers([]), events: 7, bytes: 70, watchers: 3, appends: 4 },
            },
          ],
          "1.2.3",
        ),
      ),
    );
    const value = (name: string, labels: Record<string, string>): number | undefined =>
      series.find((each) => each.name === name && JSON.stringify(each.labels) === JSON.stringify(labels))?.value;
    expect(value("runcast_runs", { workspace: "away", status: "running" })).toBe(2);
    expect(value("runcast_runs", { workspace: "here", status: "running" })).toBe(0);
    expect(value("runcast_runs", { workspace: "here", status: "failed" })).toBe(2);
    expect(value("runcast_events", { workspace: "away" })).toBe(40);
    expect(value("runcast_events", { workspace: "here" })).toBe(27);
    expect(value("runcast_event_bytes", { workspace: "here" })).toBe(270);
    expect(value("runcast_appends", { workspace: "away" })).toBe(18);
    expect(value("runcast_appends", { workspace: "here" })).toBe(13);
    // Of open runs too: what readers found is in D1 alone.
    expect(value("runcast_skipped", { workspace: "here", what: "line" })).toBe(6);
    expect(value("runcast_skipped", { workspace: "here", what: "run_row" })).toBe(5);
    expect(value("runcast_incomplete_runs", { workspace: "away" })).toBe(2);
    expect(value("runcast_live_list_up", { workspace: "away" })).toBe(0);
    expect(value("runcast_watchers", { workspace: "away" })).toBeUndefined();
    expect(value("runcast_watchers", { workspace: "here" })).toBe(3);
    expect(value("runcast_build_info", { version: "1.2.3" })).toBe(1);
  });
});
