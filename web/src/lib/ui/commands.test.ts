import { describe, expect, test } from "vitest";
import { askedLine, findCommands, type Command } from "./commands.ts";

const command = (title: string, group = "Go", words = ""): Command => ({ id: title, title, group, words, run() {} });
const titles = (query: string, ...commands: Command[]): string[] =>
  findCommands(commands, query).map(({ title }) => title);

describe("what is found", () => {
  const all = [
    command("All runs"),
    command("Show failed runs", "Filter"),
    command("Theme: dark", "Page", "appearance night"),
    command("Theme: light", "Page", "appearance day"),
    command("Unpin it", "Run"),
  ];

  test("everything, in its order, when nothing is asked", () =>
    expect(titles("", ...all)).toEqual(all.map(({ title }) => title)));
  test("what each word of the query is in, wherever it stands", () => {
    expect(titles("dark theme", ...all)).toEqual(["Theme: dark"]);
    expect(titles("runs fail", ...all)).toEqual(["Show failed runs"]);
    expect(titles("theme bright", ...all)).toEqual([]);
  });
  test("by other words too", () => expect(titles("night", ...all)).toEqual(["Theme: dark"]));
  test("a word that begins the title before one inside it", () =>
    expect(titles("pin", command("Unpin it"), command("Pin it"))).toEqual(["Pin it", "Unpin it"]));
  test("groups stay together, the best one first", () =>
    expect(
      titles(
        "re",
        command("Copy reference", "Copy"),
        command("Rename", "Run"),
        command("Retry copy", "Copy"),
        command("Are you", "Run"),
      ),
    ).toEqual(["Retry copy", "Copy reference", "Rename", "Are you"]));
});

test.each([
  ["120", 120],
  ["L120", 120],
  ["#L120", 120],
  ["line 1,204", 1204],
  [" 1 204 ", 1204],
  ["0", null],
  ["12a", null],
  ["lines", null],
  ["", null],
  ["99999999999999999999", null],
] as const)("the line asked for by “%s” is %s", (query, line) => expect(askedLine(query)).toBe(line));
