import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../../protocol/event.ts";
import { boundSpans, columnsOf, rowOf, rowOfEvent, SHOWN_CHARACTERS, type ConsoleRow } from "./console-row.ts";
import { LogLines } from "./log-lines.ts";

const event = (type: string, payload: Record<string, unknown>, step?: string): RunEvent => ({
  sequence: 7,
  type,
  created_at: "2026-11-21T02:30:00.123Z",
  ...(step === undefined ? {} : { step }),
  payload,
});
const row = (given: RunEvent): ConsoleRow => rowOfEvent(given, JSON.stringify(given));
const output = (message: string, more: Record<string, unknown> = {}): ConsoleRow =>
  row(event("console.line", { stream: "stdout", message, ...more }));
const textOf = (row: ConsoleRow): string => (row.kind === "output" ? row.spans.map((span) => span.text).join("") : "");

describe("a row of output", () => {
  test("stderr is told apart", () => expect(output("x", { stream: "stderr" })).toMatchObject({ isError: true }));
  test("so is what its producer calls an error", () =>
    expect(output("x", { level: "error" })).toMatchObject({ isError: true }));
  test("a very long line is drawn at its beginning and its end, and says how much is between", () => {
    const long = output(`${"y".repeat(200_000)}end`);
    expect(textOf(long)).toHaveLength(SHOWN_CHARACTERS);
    expect(long).toMatchObject({ hiddenCharacters: 200_003 - SHOWN_CHARACTERS - 1_000 });
    expect(long).toMatchObject({ tail: [{ text: `${"y".repeat(997)}end` }] });
    expect(output("y".repeat(SHOWN_CHARACTERS + 1_000))).toMatchObject({ hiddenCharacters: 0, tail: [] });
  });

  test("a quarter of a megabyte of colour changes keeps its colours at the beginning, and no half characters at its cut", () => {
    const bomb = output(Array.from({ length: 40_000 }, (_, n) => `\u001b[3${n % 8}m\u{1f600}`).join(""));
    expect(bomb).toMatchObject({ hiddenCharacters: 80_000 - SHOWN_CHARACTERS - 1_000 });
    if (bomb.kind !== "output") expect.fail("it is output");
    expect(bomb.tail.length).toBeLessThanOrEqual(20);
    expect(textOf(bomb).isWellFormed()).toBe(true);
  });
  test("the console is wide enough for tabs and wide characters", () => expect(columnsOf(output("a\t漢"))).toBe(11));
});

describe("a row that is not output", () => {
  test("a line that was not JSON is damaged, not an error", () => {
    const log = new LogLines();
    log.watchFrom(0, 10);
    log.append([{ sequence: 1, line: "{" }]);
    expect([rowOf(log, 1), rowOf(log, 2)]).toEqual([
      { kind: "damaged", sequence: 1 },
      { kind: "awaited", sequence: 2 },
    ]);
  });

  test.each([
    [event("step.started", { name: "Compile" }), "▸", "Compile"],
    [event("step.completed", { status: "succeeded", duration_ms: 31_000 }, "compile"), "✓", "compile succeeded · 31 s"],
    [event("run.progress", { items_processed: 12, items_total: 48 }), "▹", "12 / 48"],
    [
      event("run.completed", {
        status: "failed",
        failure: { code: "OUT_OF_MEMORY", message: "killed" },
        execution: { exit_code: 137, duration_ms: 1200 },
      }),
      "✗",
      "failed · exit 137 · OUT_OF_MEMORY killed · 1.2 s",
    ],
    [
      event("run.validation.issue", { severity: "warning", code: "W1", message: "odd", file: "a.ts", line: 3 }),
      "!",
      "warning W1 odd a.ts:3",
    ],
    [event("team.deploy_marker", { ring: 2 }), "·", 'team.deploy_marker {"ring":2}'],
    [event("console.line", { message: 5 }), "·", 'console.line {"message":5}'],
  ])("%j", (given, mark, text) => expect(row(given)).toMatchObject({ kind: "event", mark, text }));

  test("an event of a type unknown here keeps the digits of its numbers", () => {
    const payload = '{"id":12345678901234567890,"rate":0.10000000000000000001,"n":1E400}';
    const log = new LogLines();
    log.watchFrom(0, 10);
    const head = '{"sequence":1,"type":"team.marker","created_at":"2026-11-21T02:30:00.123Z"';
    log.append([{ sequence: 1, line: `${head},"payload":${payload}}` }]);
    expect(rowOf(log, 1)).toMatchObject({ kind: "event", text: `team.marker ${payload}` });
  });

  test("an event of a known type with a strange payload shows what can be shown", () =>
    expect(row(event("run.completed", { status: 3, execution: null }))).toMatchObject({
      mark: "–",
      text: "",
    }));
  test("progress by items draws a bar too", () =>
    expect(row(event("run.progress", { items_processed: 1, items_total: 4 }))).toMatchObject({ percent: 25 }));
});

describe("spans drawn at a time", () => {
  const rainbow = (n: number): ConsoleRow =>
    output(Array.from({ length: n }, (_, i) => `\u001b[${31 + (i % 6)}m${i % 10}`).join(""));

  test("ordinary rows are left as they are", () => {
    const rows = [output("a"), rainbow(5)];
    expect(boundSpans(rows)).toBe(rows);
  });

  test("above the budget the most colourful rows lose colour, no row loses text", () => {
    const rows = [output("a"), rainbow(500), rainbow(400), rainbow(3)];
    const bounded = boundSpans(rows, 100);
    const spans = bounded.reduce((sum, row) => sum + (row.kind === "output" ? row.spans.length : 0), 0);
    expect(spans).toBeLessThanOrEqual(100);
    expect(bounded.map(textOf)).toEqual(rows.map(textOf));
    expect(bounded[3]).toBe(rows[3]);
  });
});
