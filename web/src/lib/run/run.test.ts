import { describe, expect, test, vi } from "vitest";
import type { RunEvent } from "../../../../protocol/event.ts";
import { BLOCK_LINES, LogLines } from "../console/log-lines.ts";
import { LogRows } from "../console/log-rows.ts";
import { lastErrorLines, lastErrorsOf, lookedAt } from "./last-errors.ts";
import { LiveRun } from "./live-run.ts";
import { LogPages, splitLines, type ReadLines } from "./log-pages.ts";
import { RUN } from "./testing/run.ts";

const lineOf = (sequence: number, type: string, payload: Record<string, unknown>) => {
  const event: RunEvent = { sequence, type, created_at: `2026-11-21T02:30:0${sequence % 10}.000Z`, payload };
  return { sequence, event, line: JSON.stringify(event) };
};

describe("the header follows the lines", () => {
  test("status, progress and count come from the fold", () => {
    const live = new LiveRun(RUN);
    live.take([lineOf(2, "run.started", {}), lineOf(3, "run.progress", { percent: 40 })]);
    expect(live.run).toMatchObject({
      status: "running",
      last_sequence: 3,
      progress: { percent: 40 },
      name: "build web",
    });
  });
  test("history that the server's answer already counted is not counted again", () => {
    const live = new LiveRun({ ...RUN, last_sequence: 5, status: "running" });
    live.take([lineOf(4, "run.progress", { percent: 10 })]);
    expect(live.run).toMatchObject({ last_sequence: 5, progress: null, event_bytes: 100 });
  });
  test("an asked-for cancel is seen until the producer answers", () => {
    const live = new LiveRun({ ...RUN, status: "running" });
    live.take([lineOf(2, "control.requested", { control_id: "c", action: "cancel", by: "ana" })]);
    expect(live.cancelIsAsked).toBe(true);
    live.take([lineOf(3, "control.acknowledged", { control_id: "c", outcome: "accepted" })]);
    expect(live.cancelIsAsked).toBe(false);
  });
  test("an error of an open run is not yet its failure", () => {
    const live = new LiveRun({ ...RUN, status: "running" });
    live.take([lineOf(2, "run.error", { code: "E", message: "m" })]);
    expect(live.run.failure).toBeNull();
    live.take([lineOf(3, "run.completed", { status: "failed", execution: { exit_code: 1 } })]);
    expect(live.run).toMatchObject({ status: "failed", exit_code: 1, failure: { code: "E", message: "m" } });
  });
  test("the server's word after the end is taken; an older one from before it is not", () => {
    const live = new LiveRun({ ...RUN, status: "running" });
    live.take([lineOf(2, "run.completed", { status: "succeeded" })]);
    live.correct({ ...RUN, status: "running", last_sequence: 9 });
    expect(live.run.status).toBe("succeeded");
    live.correct({ ...RUN, status: "succeeded", last_sequence: 2, table_count: 3 });
    expect(live.run.table_count).toBe(3);
  });
});

describe("what a failed run said last", () => {
  const logOf = (...payloads: Record<string, unknown>[]): LogRows => {
    const log = new LogLines();
    const rows = new LogRows(log);
    log.watchFrom(0, 5000);
    const lines = payloads.map((payload, i) => lineOf(i + 1, "console.line", payload));
    log.append(lines);
    for (const { sequence, event } of lines) rows.joined.append(sequence, event);
    return rows;
  };
  const out = (message: string) => ({ stream: "stdout", message });
  const err = (message: string) => ({ stream: "stderr", message });
  const ALL = { first: 1, last: Infinity };
  const found = (rows: LogRows, within = ALL): number[] | undefined =>
    lastErrorLines(rows, within)?.map(({ sequence }) => sequence);

  test("its error output, though more was printed after it", () =>
    expect(found(logOf(err("old"), out("a"), err("boom"), out("bye")))).toEqual([1, 3]));
  test("a line that came in parts is one of them, as it ended", () =>
    expect(
      lastErrorLines(
        logOf(err("a"), { ...err("1%"), partial: true }, { ...err("\r\u001b[K2%"), partial: true }),
        ALL,
      )?.map((row) => row.spans.map(({ text }) => text).join("")),
    ).toEqual(["a", "2%"]));
  test("its last lines if it wrote none", () => expect(found(logOf(out("a"), out(""), out("b")))).toEqual([1, 3]));
  test("in the step that failed: neither what went well before, nor what was cleaned up behind it", () => {
    const rows = logOf(
      err("a warning"),
      err("boom"),
      out("at line 3"),
      ...Array.from({ length: 900 }, () => err("tidy")),
    );
    expect(found(rows, { first: 2, last: 3 })).toEqual([2]);
    expect(found(rows, { first: 3, last: 3 })).toEqual([3]);
  });
  test("lines that are not here are fetched, and give the same", () => {
    const payloads = [err("old"), out("a"), err("boom"), out("bye")];
    const lines = payloads.map((payload, i) => lineOf(i + 1, "console.line", payload));
    expect(lastErrorsOf(lines)).toEqual(lastErrorLines(logOf(...payloads), ALL));
    const log = new LogLines();
    log.watchFrom(10_000, 5_000);
    expect(found(new LogRows(log), { first: 1, last: 700 })).toBe(undefined);
    expect(lookedAt({ first: 1, last: 700 })).toEqual({ first: 201, last: 700 });
    expect(lookedAt({ first: 650, last: 700 })).toEqual({ first: 650, last: 700 });
  });
});

describe("blocks one looks at are fetched", () => {
  const setUp = (read: ReadLines) => {
    vi.useFakeTimers();
    const log = new LogLines();
    log.watchFrom(100_000, 5000);
    const told: (string | null)[] = [];
    const pages = new LogPages({ log, read, onFilled: () => {}, onTrouble: (reason) => told.push(reason) });
    return { log, pages, told };
  };

  test("once one rests, in whole blocks, each once", async () => {
    const asked: number[] = [];
    const { log, pages } = setUp(async ({ first }) => {
      asked.push(first);
      return [{ sequence: first, line: "x" }];
    });
    pages.want([40_001, 40_040]);
    pages.want([600, 640]);
    await vi.advanceTimersByTimeAsync(100);
    pages.want([610, 650]);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toEqual([BLOCK_LINES + 1]);
    expect(log.line(BLOCK_LINES + 1).kind).toBe("here");
    pages.stop();
    vi.useRealTimers();
  });

  test("who jumps waits for nothing; what comes next that way is fetched once what one looks at is here", async () => {
    const asked: number[] = [];
    const { pages } = setUp(async ({ first }) => {
      asked.push(first);
      return [{ sequence: first, line: "x" }];
    });
    const ahead = [2 * BLOCK_LINES + 1, 3 * BLOCK_LINES + 1];
    pages.want([600, 640], ahead);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toEqual([BLOCK_LINES + 1]);
    await vi.advanceTimersByTimeAsync(200);
    expect(asked).toEqual([BLOCK_LINES + 1, ...ahead]);
    pages.stop();
    vi.useRealTimers();
  });

  test("a failed request is told and tried again", async () => {
    let tries = 0;
    const { log, pages, told } = setUp(async ({ first }) => {
      tries += 1;
      if (tries === 1) throw new Error("the server answered 503");
      return [{ sequence: first, line: "x" }];
    });
    pages.want([1, 40]);
    await vi.advanceTimersByTimeAsync(3_000);
    expect([tries, told, log.line(1).kind]).toEqual([2, ["the server answered 503", null], "here"]);
    pages.stop();
    vi.useRealTimers();
  });

  test("lines are split as they are stored", () =>
    expect(splitLines('{"sequence":7,"type":"a.b"}\ndamage\n')).toEqual([
      { sequence: 7, line: '{"sequence":7,"type":"a.b"}' },
    ]));
});
