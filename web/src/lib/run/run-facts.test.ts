import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../../protocol/event.ts";
import { foldSummary, newSummary, type Summary } from "../../../../protocol/summary.ts";
import { EventFeed } from "./event-feed.ts";
import { issueGroups } from "./issues.ts";
import { LiveSummary } from "./live-summary.ts";
import { parseTab, tabCount, tabHref } from "./run-tabs.ts";

const event = (sequence: number, type: string, payload: Record<string, unknown> = {}, step?: string): RunEvent => ({
  sequence,
  type,
  created_at: new Date(1_795_000_000_000 + sequence * 1000).toISOString(),
  ...(step === undefined ? {} : { step }),
  payload,
});
const LOG = [
  event(1, "run.queued", { parameters: {} }),
  event(2, "run.started"),
  event(3, "step.started", { name: "Install" }, "install"),
  event(4, "console.line", { stream: "stdout", message: "x" }),
  event(5, "step.completed", { status: "succeeded" }, "install"),
  event(6, "step.started", { name: "Compile", parent: "install" }, "compile"),
  event(7, "metric.recorded", { name: "loss", value: 2 }),
  event(8, "metric.recorded", { name: "loss", value: 1 }),
  event(9, "run.validation.issue", { severity: "warning", code: "W1", message: "m", file: "a.ts", line: 3 }),
  event(10, "run.validation.issue", { severity: "critical", code: "C1", message: "m", row: 7, field: "price" }),
  event(11, "step.completed", { status: "failed" }, "compile"),
];
const folded = (upTo: number): Summary => LOG.slice(0, upTo).reduce(foldSummary, newSummary());

describe("the summary goes on from the server's", () => {
  test("whatever its position, it ends as the server's own", () => {
    for (let at = 1; at <= LOG.length; at += 1) {
      const live = new LiveSummary(folded(at));
      for (const line of LOG) live.take(line.sequence, line);
      expect(live.copy()).toEqual(folded(LOG.length));
      expect(live.isCertain).toBe(true);
    }
  });
  test("a line that does not parse counts, and moves the position too", () => {
    const live = new LiveSummary(folded(3));
    live.take(4, null);
    live.take(4, LOG[3]!);
    live.take(5, LOG[4]!);
    expect(live.copy()).toMatchObject({ skipped_lines: 1, event_count: 4 });
    expect(live.isCertain).toBe(true);
  });
  test("a gap, or a list that was cut, cannot be folded on", () => {
    const gap = new LiveSummary(folded(3));
    gap.take(5, LOG[4]!);
    expect(gap.isCertain).toBe(false);
    const summary = folded(5);
    expect(new LiveSummary({ ...summary, metrics: { items: [], more: 1 } }).isCertain).toBe(false);
  });
  test("what was given out does not change afterwards", () => {
    const live = new LiveSummary(folded(5));
    const before = live.copy();
    live.take(6, LOG[5]!);
    expect(before.steps.items).toHaveLength(1);
  });
});

describe("a feed of events", () => {
  const feedOf = (read: (query: string) => Promise<string>, most = 100, keep: "first" | "last" = "first") => {
    let changes = 0;
    const feed = new EventFeed({ types: ["step.*", "metric.recorded"], most, keep }, read, () => (changes += 1));
    return { feed, changes: () => changes };
  };
  const text = (events: RunEvent[]): string => events.map((line) => `${JSON.stringify(line)}\n`).join("");
  const sequences = (feed: EventFeed): number[] => feed.events.map(({ sequence }) => sequence);

  test("stored ones and those that arrive while they are read come once, in order", async () => {
    let answer: (text: string) => void = () => undefined;
    const { feed } = feedOf(() => new Promise((resolve) => (answer = resolve)));
    const loading = feed.load();
    feed.take(LOG.slice(4));
    answer(text([LOG[2]!, LOG[4]!]));
    await loading;
    expect([feed.state, sequences(feed)]).toEqual(["here", [3, 5, 6, 7, 8, 11]]);
  });
  test("the wanted end of a long list is kept, and that it was cut is said", async () => {
    const asked: string[] = [];
    const last = feedOf(async (query) => (asked.push(query), text([LOG[6]!, LOG[7]!])), 2, "last").feed;
    await last.load();
    last.take([LOG[10]!]);
    expect([sequences(last), last.isCut, asked]).toEqual([[8, 11], true, ["types=step.*,metric.recorded&tail=2"]]);
    const first = feedOf(async () => text([LOG[2]!]), 2).feed;
    await first.load();
    expect(first.isCut).toBe(false);
    first.take(LOG.slice(3));
    expect([sequences(first), first.isCut]).toEqual([[3, 5], true]);
  });
  test("a failure is a state, and can be tried again; what is here is not read again", async () => {
    let reads = 0;
    const { feed } = feedOf(async () => {
      reads += 1;
      if (reads === 1) throw new Error("no");
      return "";
    });
    await feed.load();
    expect(feed.state).toBe("failed");
    await feed.load();
    await feed.load();
    expect([feed.state, reads]).toEqual(["here", 2]);
  });
  test("other types do not even redraw it", () => {
    const { feed, changes } = feedOf(async () => "");
    feed.take([event(1, "console.line", {}), event(2, "stepwise.started", {})]);
    expect(changes()).toBe(0);
  });
});

describe("issues", () => {
  const issue = (sequence: number, severity: string, code: string): RunEvent =>
    event(sequence, "run.validation.issue", { severity, code, message: `\u001b[31m${code}\u001b[0m` });
  const summaryOf = (events: RunEvent[]): Summary["issues"] => events.reduce(foldSummary, newSummary()).issues;
  const listed = (events: RunEvent[], read = events): unknown[] =>
    issueGroups(read, summaryOf(events), read.length < events.length).map(({ severity, count, codes }) => [
      severity,
      count,
      codes.map((group) => [group.code, group.count, group.issues.map(({ sequence }) => sequence).join()]),
    ]);
  const MANY = [
    issue(1, "warning", "RARE"),
    issue(2, "warning", "OFTEN"),
    issue(3, "error", "OFTEN"),
    issue(4, "warning", "OFTEN"),
    issue(5, "info", "LATE"),
  ];

  test("are listed worst first, of one severity the most frequent code first, with every line", () =>
    expect(listed(MANY)).toEqual([
      ["error", 1, [["OFTEN", 1, "3"]]],
      [
        "warning",
        3,
        [
          ["OFTEN", 2, "2,4"],
          ["RARE", 1, "1"],
        ],
      ],
      ["info", 1, [["LATE", 1, "5"]]],
    ]));
  test("that are too many are counted as far as is known, and no code is left out", () =>
    expect(listed(MANY, MANY.slice(0, 2))).toEqual([
      ["error", 1, []],
      [
        "warning",
        3,
        [
          ["RARE", null, "1"],
          ["OFTEN", null, "2"],
        ],
      ],
      ["info", 1, [["LATE", 1, ""]]],
    ]));
  test("say where, and what, as text", () =>
    expect(
      issueGroups(LOG, folded(11).issues, false).flatMap(({ codes }) => codes.flatMap(({ issues }) => issues)),
    ).toEqual([
      { sequence: 10, severity: "critical", code: "C1", message: "m", place: "row 7 field price" },
      { sequence: 9, severity: "warning", code: "W1", message: "m", place: "a.ts:3" },
    ]));
  test("hold no escape sequences", () =>
    expect(issueGroups(MANY, summaryOf(MANY), false)[0]?.codes[0]?.issues[0]?.message).toBe("OFTEN"));
});

describe("tabs", () => {
  test.each([
    ["", "console"],
    ["?view=steps", "steps"],
    ["?view=details", "summary"],
    ["?view=nonsense", "console"],
  ])("%j is %s", (search, tab) => expect(parseTab(new URLSearchParams(search))).toBe(tab));
  test("each has its address and its count", () => {
    expect([tabHref("r", "console"), tabHref("r", "issues")]).toEqual(["/runs/r", "/runs/r?view=issues"]);
    const counts = (["console", "steps", "metrics", "issues", "artifacts", "summary"] as const).map((tab) =>
      tabCount(tab, 11, folded(11)),
    );
    expect(counts).toEqual([11, 2, 1, 2, 0, null]);
    expect(tabCount("steps", 11, null)).toBe(null);
  });
});
