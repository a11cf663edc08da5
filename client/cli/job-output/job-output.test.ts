import fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import { splitLines } from "../../../protocol/ndjson.ts";
import { encodeEvent } from "../../producer-event.ts";
import type { ProducerEvent } from "../../producer-event.ts";
import { Masks } from "../masking/masks.ts";
import { JobOutput } from "./job-output.ts";
import type { OutputItem } from "./job-output.ts";
import { Markers } from "./markers.ts";
import type { Stream } from "./markers.ts";
import { TerminalLine } from "./terminal-line.ts";

const bytes = (text: string) => Buffer.from(text);
const newOutput = (secrets: string[] = [], markers = true) => {
  const masks = new Masks(secrets);
  return new JobOutput({ masks, markers: new Markers(masks, markers), streams: ["stdout", "stderr"] });
};
const eventsOf = (items: OutputItem[]): ProducerEvent[] =>
  items.flatMap((item) => ("event" in item ? [item.event] : []));
type Line = { message: string; partial?: boolean; stream: Stream };
const linesOf = (items: OutputItem[]): Line[] =>
  eventsOf(items).flatMap(({ type, payload }) => (type === "console.line" ? [payload as Line] : []));
const read = (pieces: Uint8Array[], secrets: string[] = []): OutputItem[] => {
  const output = newOutput(secrets);
  return [...pieces.flatMap((piece) => output.push("stdout", piece, 0)), ...output.end(0)];
};
const messages = (text: string) => linesOf(read([bytes(text)])).map(({ message }) => message);
const cut = (whole: Uint8Array, sizes: number[]) => {
  const pieces = [];
  for (let start = 0, index = 0; start < whole.length; index += 1) {
    const size = sizes[index % sizes.length] ?? whole.length;
    pieces.push(whole.subarray(start, start + size));
    start += size;
  }
  return pieces;
};
/** As every reader joins them: a partial line goes on with the next. */
const join = (lines: Line[]) => lines.map(({ message, partial }) => (partial ? message : `${message}\n`)).join("");
const sizesOf = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });

test("one line per newline; a last one without counts; empty ones count; one \\r goes", () => {
  expect(messages("one\n\ntwo\r\nlast")).toEqual(["one", "", "two", "last"]);
  expect(messages("")).toEqual([]);
});

test("invalid UTF-8 is replaced; a character cut between two reads is not", () => {
  expect(linesOf(read([Buffer.from([0x61, 0xff, 0x62, 0x0a])]))).toEqual([{ stream: "stdout", message: "a\uFFFDb" }]);
  const euro = bytes("€\n");
  expect(linesOf(read([euro.subarray(0, 1), euro.subarray(1)]))).toEqual([{ stream: "stdout", message: "€" }]);
  expect(linesOf(read([euro.subarray(0, 2)]))).toEqual([{ stream: "stdout", message: "\uFFFD" }]);
});

const BITS = [
  "a",
  "é",
  "😀",
  "\n",
  "\r",
  "\r\n",
  "\0",
  "\b",
  "s3cr3t",
  "s3c",
  "r3t",
  "\u001B[31m",
  "\u001B[0m",
  "\u001B[K",
];
const MARKS = [
  "::group::g\n",
  "::endgroup::\n",
  "--- s\n",
  "::add-mask::hidden-one\n",
  "hidden-one",
  "::error::s3cr3t\n",
];

test("however it is read, the events are the same", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...BITS, ...MARKS), { maxLength: 60 }), sizesOf, (bits, sizes) => {
      const whole = bytes(bits.join(""));
      expect(read(cut(whole, sizes), ["s3cr3t"])).toEqual(read([whole], ["s3cr3t"]));
    }),
    { numRuns: 2_000 },
  );
});

test("lines without going back are kept letter for letter, whenever parts of them are sent", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", "😀", "\n", "\0", "-", ":", "\u001B[31m") });
  fc.assert(
    fc.property(text, sizesOf, fc.boolean(), (said, sizes, flushes) => {
      const output = newOutput([], false);
      let now = 0;
      const items = cut(bytes(said), sizes).flatMap((piece) => {
        now += 10_000;
        const own = output.push("stdout", piece, now - 10_000);
        return flushes ? [...own, ...output.flush(now)] : own;
      });
      const lines = linesOf([...items, ...output.end(now)]);
      expect(join(lines)).toBe(
        splitLines(said)
          .map((line) => `${line}\n`)
          .join(""),
      );
      if (!flushes) expect(lines.every(({ partial }) => partial === undefined)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test("no part that is sent holds a secret, nor do the parts together", () => {
  const secrets = ["s3cr3t", "s3cr3t-long", "t-lo\u0301ng", "aab", "aabaab"];
  const bit = fc.constantFrom(...BITS, "aab", "aa", "b", "-long", "t-lo", "\u0301ng", "s3cr3t-lo", "\u001B[1");
  fc.assert(
    fc.property(fc.array(bit, { maxLength: 40 }), sizesOf, (bits, sizes) => {
      const output = newOutput(secrets);
      let now = 0;
      const items = cut(bytes(bits.join("")), sizes).flatMap((piece) => {
        const own = output.push("stdout", piece, now);
        return [...own, ...output.flush((now += 10_000))];
      });
      const lines = linesOf([...items, ...output.end(now)]);
      for (const { message } of lines) for (const secret of secrets) expect(message).not.toContain(secret);
      // Parts that are joined where a terminal goes back are shown over one another, not side by side.
      for (const line of join(lines).split("\n")) {
        for (const shown of line.split("\r")) for (const secret of secrets) expect(shown).not.toContain(secret);
      }
    }),
    { numRuns: 3_000 },
  );
});

test("a secret that a terminal put together is not completed by what one line cannot show", () => {
  const output = newOutput(["aab"]);
  const items = ["aac\b\u001B[K", "b\u001B[1A", "\n"].flatMap((piece, at) => [
    ...output.push("stdout", bytes(piece), at * 10_000),
    ...output.flush(at * 10_000 + 5_000),
  ]);
  for (const shown of join(linesOf(items)).split("\r")) expect(shown).not.toContain("aab");
});

test("a secret in colours is found, and the colour goes on behind it", () => {
  const masks = new Masks(["s3cr3t"]);
  expect(masks.text("a s3\u001B[31mcr3t b")).toBe("a ***\u001B[31m b");
  expect(masks.text("a s3\u001B[31mcr4t b")).toBe("a s3\u001B[31mcr4t b");
});

test("progress is what a terminal shows in the end", () => {
  expect(messages("10%\r50%\r100%\n")).toEqual(["100%"]);
  expect(messages("100%\r5\n")).toEqual(["500%"]);
  expect(messages("loading\r\u001B[Kdone\r\n")).toEqual(["done"]);
  expect(messages("\u001B[31mred\u001B[0m\rG\n")).toEqual(["G\u001B[31med\u001B[0m"]);
  expect(messages("|\b/\b-\b\\\n")).toEqual(["\\"]);
  // More than one line can show: as it was printed.
  expect(messages("a\r\u001B[1Ab\n")).toEqual(["a\r\u001B[1Ab"]);
});

test("progress that takes long is sent now and then, each time as it stands, and its last state is never lost", () => {
  const bit = fc.constantFrom("1", "22", "333", "\r", "\b", "\u001B[K", "\u001B[2K", "\u001B[31m", "\u001B[0m", "4");
  fc.assert(
    fc.property(fc.array(bit, { minLength: 1, maxLength: 30 }), sizesOf, (bits, sizes) => {
      const output = newOutput();
      let now = 0;
      let sent = "";
      let written = "";
      for (const piece of cut(bytes(bits.join("")), sizes)) {
        const part = join(linesOf([...output.push("stdout", piece, now), ...output.flush((now = now * 2 + 10_000))]));
        written += piece.toString();
        sent += part;
        // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
        if (!/\u001B[^mK]*$|\r$/.test(written)) expect(shownOf(sent)).toBe(shownOf(written));
      }
      sent += join(linesOf([...output.push("stdout", bytes("\n"), now), ...output.end(now)]));
      expect(sent.endsWith("\n")).toBe(true);
      expect(shownOf(sent.slice(0, -1))).toBe(shownOf(written));
    }),
    { numRuns: 2_000 },
  );
});
const shownOf = (text: string) => {
  const line = new TerminalLine();
  line.write(text);
  // oxlint-disable-next-line no-control-regex -- as above
  return line.text?.replaceAll(/\u001B\[[0-9;]*m/g, "");
};

test("a line that is not finished is sent after a second, then ever more rarely", () => {
  const output = newOutput();
  output.push("stdout", bytes("."), 0);
  expect(linesOf(output.flush(900))).toEqual([]);
  expect(linesOf(output.flush(1_000))).toEqual([{ stream: "stdout", message: ".", partial: true }]);
  let sent = 0;
  for (let now = 1_100; now < 600_000; now += 100) {
    output.push("stdout", bytes("."), now);
    sent += output.flush(now).length;
  }
  expect(sent).toBeGreaterThan(30);
  expect(sent).toBeLessThan(100);
});

test("what may become a marker waits for its end", () => {
  for (const start of [":", "::group::na", "  ::add-mask::s3cr", "---", "+++ se"]) {
    const output = newOutput();
    output.push("stdout", bytes(start), 0);
    expect(output.flush(60_000)).toEqual([]);
  }
});

test("another output's line closes an unfinished one first, so that nothing is joined to the wrong text", () => {
  const output = newOutput();
  const items = [
    ...output.push("stdout", bytes("loading 1%"), 0),
    ...output.flush(2_000),
    ...output.push("stderr", bytes("warning\n"), 2_000),
    ...output.push("stdout", bytes("\rloading 2%\ndone"), 2_000),
    ...output.flush(4_000),
    ...output.push("stderr", bytes("again\n"), 4_000),
    ...output.push("stdout", bytes("\nlast\n"), 4_000),
  ];
  expect(join(linesOf(items))).toBe("loading 1%\nwarning\nloading 2%\ndone\nagain\nlast\n");
});

test.each([
  ["fits, just", "x".repeat(LIMITS.eventLineBytes - 2_000), 1],
  ["letters", "x".repeat(1_000_000), 24],
  ["what JSON escapes six-fold", "\u0001".repeat(300_000), 7],
  ["pairs", "😀".repeat(200_000), 10],
])("a very long line comes in pieces that each fit: %s", (_name, text, atMost) => {
  for (const size of [text.length * 4, 65_536]) {
    const items = read(cut(bytes(`${text}\r\n`), [size]));
    const lines = linesOf(items);
    expect(lines.map(({ message }) => message).join("")).toBe(text);
    expect(lines.map(({ partial }) => partial ?? false)).toEqual([...lines.slice(1).map(() => true), false]);
    expect(lines.length).toBeLessThanOrEqual(atMost);
    for (const event of eventsOf(items)) expect(() => encodeEvent(event, "cli")).not.toThrow();
  }
});

test("a very long line hides its secrets wherever it is cut, and what only looks like one is kept", () => {
  const text = `${"x".repeat(43_600)}${"s3cr3t".repeat(30_000)}${"s3cr3".repeat(30_000)}`;
  for (const size of [text.length, 65_536, 1_000]) {
    const joined = join(linesOf(read(cut(bytes(text), [size]), ["s3cr3t"])));
    expect(joined.replaceAll("*", "")).toBe(`${"x".repeat(43_600)}${"s3cr3".repeat(30_000)}\n`);
  }
});

test("a secret too long to be read whole is not sent, and that is said", () => {
  const items = read(cut(bytes(`::add-mask::${"x".repeat(600_000)}\nnext\n`), [65_536]));
  expect(items.filter(({ kind }) => kind === "notice")).toHaveLength(1);
  expect(linesOf(items)).toEqual([{ stream: "stdout", message: "next" }]);
});

test("every event that hostile markers make fits into a line", () => {
  const long = "\u0001".repeat(40_000);
  for (const line of [
    `::error file=${long},title=${long}::${long}`,
    `::metric name=${long} value=1::`,
    `--- ${long}`,
  ]) {
    for (const event of eventsOf(read([bytes(line)]))) expect(() => encodeEvent(event, "cli")).not.toThrow();
  }
});
