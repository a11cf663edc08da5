import { expect, test } from "vitest";
import { asMarkdown, textBetween } from "./copied-text.ts";

test("what is between two points is copied, to the character", () => {
  expect(textBetween(["abcdef"], 2, 4)).toBe("cd");
  expect(textBetween(["abc", "", "def"], 1, 2)).toBe("bc\n\nde");
  expect(textBetween(["abc", "def"], 3, 0)).toBe("\n");
});

test("as Markdown lines stay what they are, whatever fences and brackets they have", () => {
  const text = asMarkdown({ title: "a [b](c)", href: "https://example.org/#L1", lines: "```\n<b>\n````" });
  expect(text).toBe("[a \\[b\\](c)](https://example.org/#L1)\n\n`````text\n```\n<b>\n````\n`````\n");
  expect(asMarkdown({ title: "t", href: "h", lines: "x" })).toBe("[t](h)\n\n```text\nx\n```\n");
});
