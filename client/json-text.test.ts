import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { itemsOf, membersOf, prettyJson } from "./json-text.ts";

/** Any JSON value as some encoder could have written it, beside its compact form. */
const written: fc.Arbitrary<{ value: unknown; spaces: string }> = fc.record({
  value: fc.jsonValue({ maxDepth: 4 }),
  spaces: fc.constantFrom("", " ", "\n\t"),
});
const encode = ({ value, spaces }: { value: unknown; spaces: string }): string => JSON.stringify(value, null, spaces);
const NAMES = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "a", 'q"\\{,:}]', ""));

describe("taking a text apart", () => {
  test("members and items come with the text of their values, whatever is in them and between them", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(NAMES, written)), (entries) => {
        const object = `{ ${entries.map(([name, each]) => `${JSON.stringify(name)} : ${encode(each)} `).join(", ")}}`;
        expect(membersOf(object)).toEqual(new Map(entries.map(([name, each]) => [name, encode(each)])));
        const array = `[ ${entries.map(([, each]) => `${encode(each)} `).join(",\n")}]`;
        expect(itemsOf(array)).toEqual(entries.map(([, each]) => encode(each)));
        expect(Object.fromEntries(membersOf(object))).toEqual(
          Object.fromEntries(Object.entries(JSON.parse(object)).map(([name]) => [name, membersOf(object).get(name)])),
        );
      }),
    );
  });

  test("digits and names stay as they stand", () => {
    const text = String.raw`{"id":12345678901234567890,"x":-0.10e+400,"__proto__":{"a":[1,2]},"\u0061":"\ud800"}`;
    expect([...membersOf(text)]).toEqual([
      ["id", "12345678901234567890"],
      ["x", "-0.10e+400"],
      ["__proto__", '{"a":[1,2]}'],
      ["a", String.raw`"\ud800"`],
    ]);
    expect(itemsOf(" [1e400 , [ ] ,\ttrue,null]")).toEqual(["1e400", "[ ]", "true", "null"]);
  });

  test("what is of another kind has none", () => {
    for (const text of ["", "1", '"{}"', "null", "[1]", " [ ] "]) expect(membersOf(text)).toEqual(new Map());
    for (const text of ["", "1", '"[]"', "null", '{"a":[1]}', " { } "]) expect(itemsOf(text)).toEqual([]);
  });

  test("text that is no JSON gives something, and comes to an end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("{", "}", "[", "]", '"', "\\", ",", ":", " ", "1", "a", '"a"', "\n"), {
          maxLength: 30,
        }),
        (tokens) => {
          const text = tokens.join("");
          expect(membersOf(text).size).toBeLessThanOrEqual(text.length);
          expect(itemsOf(text).length).toBeLessThanOrEqual(text.length);
          prettyJson(text);
        },
      ),
    );
  });
});

test("indented, tokens stay as they stand", () =>
  expect(
    prettyJson(
      String.raw`{"n":1e400,"big":12345678901234567890,"s":"a{,:\\\"]","u":"\\ud800","e":{},"l":[],"a":[1,{"b":null}]}`,
    ),
  ).toBe(
    String.raw`{
  "n": 1e400,
  "big": 12345678901234567890,
  "s": "a{,:\\\"]",
  "u": "\\ud800",
  "e": {},
  "l": [],
  "a": [
    1,
    {
      "b": null
    }
  ]
}`,
  ));

test.each(['{"a":"never closed', '{"a":"x\\', "}}]", ""])("what is cut off is shown as far as it goes: %j", (text) =>
  expect(prettyJson(text).replaceAll(/\s/g, "")).toBe(text.replaceAll(/\s/g, "")),
);
