import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../../protocol/event.ts";
import { SHOWN_CHARACTERS, type ConsoleRow } from "./console-row.ts";
import { ERASE } from "./joined-lines.ts";
import { LogLines } from "./log-lines.ts";
import { LogRows } from "./log-rows.ts";

const ESC = "\u001b";
type Said = Record<string, unknown>;
const part = (message: string, more: Said = {}): Said => ({ stream: "stdout", message, partial: true, ...more });
const whole = (message: string, more: Said = {}): Said => ({ stream: "stdout", message, ...more });

class Log {
  readonly log = new LogLines();
  readonly rows = new LogRows(this.log);
  #head = 0;

  constructor(...said: Said[]) {
    this.log.watchFrom(0, 5000);
    this.say(...said);
  }

  say(...said: Said[]): this {
    for (const payload of said) {
      this.#head += 1;
      const created_at = new Date(Date.UTC(2026, 10, 21) + this.#head).toISOString();
      const event: RunEvent = { sequence: this.#head, type: "console.line", created_at, payload };
      this.log.append([{ sequence: event.sequence, line: JSON.stringify(event) }]);
      this.rows.joined.append(event.sequence, event);
    }
    return this;
  }
}
const textOf = (row: ConsoleRow): string =>
  row.kind === "output" ? row.spans.map(({ text }) => text).join("") : row.kind;

describe("a row of parts", () => {
  test("grows with each of them, and keeps its number and place", () => {
    const log = new Log(whole("a"), part("tests: ."));
    expect(textOf(log.rows.at(1))).toBe("tests: .");
    log.say(part("."), part("."));
    expect([log.rows.count, textOf(log.rows.at(1))]).toEqual([2, "tests: ..."]);
    log.say(whole(" ok"), whole("b"));
    expect(log.rows.at(1)).toMatchObject({ kind: "output", sequence: 2, lastPart: 5 });
    expect([0, 1, 2].map((row) => textOf(log.rows.at(row)))).toEqual(["a", "tests: ... ok", "b"]);
  });

  test("is replaced by a part that begins the line anew, however many there were", () => {
    const log = new Log(part("0%"));
    for (let percent = 1; percent <= 3_000; percent += 1) {
      log.say(part(`${ERASE}${percent}%`));
      if (percent % 1_000 === 0) expect(textOf(log.rows.at(0))).toBe(`${percent}%`);
    }
    expect(log.rows.count).toBe(1);
    expect(log.rows.neededFor([1])).toEqual([]);
    expect(textOf(log.say(whole(`${ERASE}done`)).rows.at(0))).toBe("done");
  });

  test("keeps its colours from one part to the next, and forgets them when begun anew", () => {
    const log = new Log(part(`${ESC}[31mred`), part(" too"));
    expect(log.rows.at(0)).toMatchObject({
      spans: [{ text: "red too", style: { fg: { kind: "palette", index: 1 } } }],
    });
    expect(log.say(part(`${ERASE}plain`)).rows.at(0)).toMatchObject({
      spans: [{ text: "plain", style: { fg: null } }],
    });
  });

  test("is an error if one of its parts says so, and tells when it was last written", () => {
    const log = new Log(part("a"), whole("b", { level: "error" }));
    expect(log.rows.at(0)).toMatchObject({ isError: true, createdAt: "2026-11-21T00:00:00.002Z" });
    expect(new Log(part("a", { stream: "stderr" })).rows.at(0)).toMatchObject({ isError: true });
  });

  test("is drawn at its beginning and its end, its middle when it is asked for, and copied whole", () => {
    const log = new Log(part("x".repeat(SHOWN_CHARACTERS - 2)), part("yyyy"), part("z".repeat(7_500)), whole("!"));
    const beginning = log.rows.at(0);
    expect([textOf(beginning).length, textOf(beginning).slice(-2)]).toEqual([SHOWN_CHARACTERS, "yy"]);
    expect(beginning).toMatchObject({ hiddenCharacters: 7_503 - 1_000, tail: [{ text: `${"z".repeat(999)}!` }] });
    expect(log.rows.neededFor([1])).toEqual([]);
    log.rows.showMore(1);
    expect(log.rows.at(0)).toMatchObject({ hiddenCharacters: 0, tail: [] });
    expect(log.rows.textOf(3)).toBe(`${"x".repeat(SHOWN_CHARACTERS - 2)}yyyy${"z".repeat(7_500)}!`);
  });

  test("of very many parts, those behind what is drawn are not read before they are asked for", () => {
    const log = new Log(...Array.from({ length: 100 }, () => part("p".repeat(1_000))), whole("!"));
    expect(log.rows.at(0)).toMatchObject({ hiddenCharacters: 100_001 - SHOWN_CHARACTERS, tail: [] });
    for (let asked = 0; asked < 3; asked += 1) log.rows.showMore(1);
    expect(textOf(log.rows.at(0)).endsWith("p!")).toBe(true);
  });

  test("asks for what it shows and is not here any more, and shows it when it is", () => {
    const log = new Log(part("a"), part("b"), whole("c"), whole("d"));
    expect(log.rows.neededFor([1, 4])).toEqual([1, 2, 3, 4]);
    expect(textOf(log.rows.at(0))).toBe("abc");
    const elsewhere = new LogRows(new LogLines());
    for (const [at, payload] of [part("a"), whole("b")].entries())
      elsewhere.joined.append(at + 1, { sequence: at + 1, type: "console.line", created_at: "", payload });
    expect(textOf(elsewhere.at(0))).toBe("awaited");
    expect(elsewhere.neededFor([1])).toEqual([1, 2]);
  });

  test("a part that cannot be read is left out of it", () => {
    const log = new LogLines();
    const rows = new LogRows(log);
    const line = (sequence: number, payload: Said) =>
      JSON.stringify({ sequence, type: "console.line", created_at: "2026-11-21T00:00:00.000Z", payload });
    log.watchFrom(0, 5000);
    log.append([{ sequence: 1, line: line(1, part("a")) }]);
    rows.joined.append(1, JSON.parse(line(1, part("a"))) as RunEvent);
    log.damage({ first: 2, last: 2 });
    rows.joined.append(2, null);
    log.append([{ sequence: 3, line: line(3, whole("c")) }]);
    rows.joined.append(3, JSON.parse(line(3, whole("c"))) as RunEvent);
    expect([rows.count, textOf(rows.at(0)), textOf(rows.at(1))]).toEqual([2, "ac", "damaged"]);
  });
});
