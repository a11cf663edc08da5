import { describe, expect, test } from "vitest";
import { BLOCK_LINES, LogLines } from "./log-lines.ts";

const lines = (first: number, last: number, text = (n: number) => `line ${n}`) =>
  Array.from({ length: last - first + 1 }, (_, i) => ({ sequence: first + i, line: text(first + i) }));

describe("the end of the log, as it arrives", () => {
  test("a line is here once it came, and awaited before", () => {
    const log = new LogLines();
    log.watchFrom(0, 5000);
    log.append(lines(1, 3));
    expect([log.head, log.line(3), log.line(4)]).toEqual([3, { kind: "here", line: "line 3" }, { kind: "awaited" }]);
  });

  test("a long log is watched from the beginning of a block near its end", () => {
    const log = new LogLines();
    expect(log.watchFrom(1_204_331, 5000)).toBe(1_199_000);
    expect(log.watchFrom(4000, 5000)).toBe(0);
  });

  test("what the watch has yet to bring is not asked for a second time", () => {
    const log = new LogLines();
    log.watchFrom(10_000, 2000);
    expect(log.missing([9900, 10_000])).toEqual([]);
    log.append(lines(8001, 8400));
    expect(log.missing([8390, 8420])).toEqual([]);
  });

  test("what lies before the watch is asked for in whole blocks", () => {
    const log = new LogLines();
    log.watchFrom(10_000, 2000);
    expect(log.missing([990, 1000, 1010])).toEqual([
      { first: 501, last: 1000 },
      { first: 1001, last: 1500 },
    ]);
  });

  test("lines that cannot be read are said to be damaged, and nothing waits for them", () => {
    const log = new LogLines();
    log.watchFrom(0, 5000);
    log.append(lines(1, 1));
    log.damage({ first: 2, last: 3 });
    log.append(lines(4, BLOCK_LINES));
    expect([log.line(2), log.line(4)]).toEqual([{ kind: "damaged" }, { kind: "here", line: "line 4" }]);
  });
});

describe("looking back", () => {
  test("a fetched block is here; a line its answer left out is damaged", () => {
    const log = new LogLines();
    log.watchFrom(10_000, 2000);
    log.fill({ first: 501, last: 1000 }, lines(501, 999));
    expect(log.line(501)).toEqual({ kind: "here", line: "line 501" });
    expect(log.line(1000)).toEqual({ kind: "damaged" });
    expect(log.missing([501, 1000])).toEqual([]);
  });

  test("memory is bounded: what was looked at longest ago goes, what is in view stays, and it can be asked for again", () => {
    const keep = 10 * BLOCK_LINES * 10;
    const log = new LogLines(keep);
    log.watchFrom(0, 5000);
    const view = [1, 50];
    for (let first = 1; first <= 100 * BLOCK_LINES; first += BLOCK_LINES) {
      log.append(lines(first, first + BLOCK_LINES - 1, () => "x".repeat(10)));
      log.keep(view);
    }
    expect(log.keptCharacters).toBeLessThanOrEqual(keep);
    expect(log.line(1).kind).toBe("here");
    expect(log.line(2 * BLOCK_LINES).kind).toBe("awaited");
    expect(log.missing([2 * BLOCK_LINES])).toHaveLength(1);
    expect(log.line(100 * BLOCK_LINES).kind).toBe("here");
  });

  test("a line that comes twice is counted once", () => {
    const log = new LogLines();
    log.watchFrom(0, 5000);
    log.append(lines(1, 10));
    const before = log.keptCharacters;
    log.append(lines(1, 10));
    expect(log.keptCharacters).toBe(before);
  });
});
