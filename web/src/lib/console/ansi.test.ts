import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAnsi, PLAIN, stripAnsi, type AnsiStyle } from "./ansi.ts";

const ESC = "\u001b";
const styled = (style: Partial<AnsiStyle>): AnsiStyle => ({ ...PLAIN, ...style });
const palette = (index: number) => ({ kind: "palette", index }) as const;
const rgb = (red: number, green: number, blue: number) => ({ kind: "rgb", red, green, blue }) as const;

describe("colours", () => {
  test("text without escapes is one plain span", () => expect(parseAnsi("ok")).toEqual([{ text: "ok", style: PLAIN }]));

  test("a colour lasts until it is reset", () =>
    expect(parseAnsi(`a${ESC}[31mb${ESC}[0mc`)).toEqual([
      { text: "a", style: PLAIN },
      { text: "b", style: styled({ fg: palette(1) }) },
      { text: "c", style: PLAIN },
    ]));

  test.each([
    ["97", { fg: palette(15) }],
    ["103", { bg: palette(11) }],
    ["38;5;9", { fg: palette(9) }],
    ["38;5;16", { fg: rgb(0, 0, 0) }],
    ["38;5;231", { fg: rgb(255, 255, 255) }],
    ["48;5;244", { bg: rgb(128, 128, 128) }],
    ["38;2;1;2;3", { fg: rgb(1, 2, 3) }],
    ["38:2:1:2:3", { fg: rgb(1, 2, 3) }],
    ["38:2::1:2:3", { fg: rgb(1, 2, 3) }],
    ["1;3;4;7", { bold: true, italic: true, underline: true, inverse: true }],
    ["4:3", { underline: true }],
    ["38;5;1;1", { fg: palette(1), bold: true }],
  ] satisfies [string, Partial<AnsiStyle>][])("%s", (codes, style) =>
    expect(parseAnsi(`${ESC}[${codes}mx`)).toEqual([{ text: "x", style: styled(style) }]),
  );

  test.each(["38;5;256", "38;2;1;2", "38;9", "38:2:1", "58", "999"])(
    "a colour that does not exist (%s) changes nothing",
    (codes) => expect(parseAnsi(`${ESC}[${codes}mx`)[0]?.style.fg).toBeNull(),
  );

  test("an empty parameter resets", () =>
    expect(parseAnsi(`${ESC}[1ma${ESC}[mb`)[1]).toEqual({ text: "b", style: PLAIN }));
});

describe("what is not a colour", () => {
  test.each([
    ["cursor moves and erasing", `a${ESC}[2Kb${ESC}[1;1Hc`, "abc"],
    ["private modes", `${ESC}[?25lspin${ESC}[?25h`, "spin"],
    ["hyperlinks keep their text", `${ESC}]8;;https://x.test${ESC}\\here${ESC}]8;;\u0007`, "here"],
    ["a window title", `${ESC}]0;title\u0007text`, "text"],
    ["two-byte escapes", `${ESC}(Ba${ESC}7b`, "ab"],
    ["a sequence cut off at the end", `a${ESC}[3`, "a"],
    ["a lone escape", `a${ESC}`, "a"],
    ["a carriage return shows what was printed last", "10%\r20%\r30%", "30%"],
    ["a carriage return at the end shows the line", "10%\r20%\r", "20%"],
    ["also with an escape in between", `10%\r${ESC}[K20%\r${ESC}[K`, "20%"],
    ["tabs stay", "a\tb", "a\tb"],
    ["other control characters are shown, not obeyed", "a\u0000b\u0007", "a\u2400b\u2407"],
    ["markup is text", "<b onclick=x>&amp;", "<b onclick=x>&amp;"],
  ])("%s", (_, message, text) => expect(stripAnsi(message)).toBe(text));

  test("any text comes through: no crash, no escape left, and nothing lost that has no control character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (message) => {
        const text = stripAnsi(message);
        expect(text).not.toContain(ESC);
        // oxlint-disable-next-line no-control-regex -- the property is about them
        if (!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(message)) expect(text).toBe(message);
      }),
    );
  });
});

describe("links", () => {
  const link = (address: string, text = "here", end = "\u0007"): string =>
    `${ESC}]8;id=1;${address}${end}${text}${ESC}]8;;${end} behind`;

  test.each(["\u0007", `${ESC}\\`])("to the web are links, up to the end of their text", (end) =>
    expect(parseAnsi(link("https://example.org/a?b=1;c", "here", end))).toEqual([
      { text: "here", style: styled({ href: "https://example.org/a?b=1;c" }) },
      { text: " behind", style: PLAIN },
    ]),
  );

  test("keep their colours, and colours do not end them", () =>
    expect(parseAnsi(`${ESC}]8;;http://a.org\u0007${ESC}[31mred${ESC}[0mplain${ESC}]8;;\u0007`)).toEqual([
      { text: "red", style: styled({ fg: palette(1), href: "http://a.org/" }) },
      { text: "plain", style: styled({ href: "http://a.org/" }) },
    ]));

  test.each([
    "javascript:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "vbscript:x",
    "//example.org",
    "relative",
    "",
    `https://example.org/${"x".repeat(3_000)}`,
  ])("to anything else (%s) are text", (address) =>
    expect(parseAnsi(link(address))).toEqual([{ text: "here behind", style: PLAIN }]),
  );

  test("whatever a line holds, an address is one of the web", () =>
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom(`${ESC}]8;`, ";", "javascript:", "https://", "\u0007"))),
        (parts) => {
          for (const { style } of parseAnsi(parts.join("")))
            if (style.href !== null) expect(style.href).toMatch(/^https?:\/\//);
        },
      ),
    ));
});
