import { expect, test } from "vitest";
import { prettyJson } from "./pretty-json.ts";

test("tokens stay as they stand", () =>
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
