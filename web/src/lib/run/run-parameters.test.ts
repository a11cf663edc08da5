import { expect, test } from "vitest";
import { shownParameters } from "./run-parameters.ts";

test("a text is shown as it is, anything else with its digits, whatever it is called", () => {
  const text = String.raw`{"id":12345678901234567890,"rate":0.1000000000000000055,"huge":1e400,"name":"a\n\"b\"","__proto__":{"ids":[9007199254740993,{}]},"on":true,"none":null}`;
  expect(shownParameters(text)).toEqual([
    { name: "id", value: "12345678901234567890" },
    { name: "rate", value: "0.1000000000000000055" },
    { name: "huge", value: "1e400" },
    { name: "name", value: 'a\n"b"' },
    { name: "__proto__", value: '{\n  "ids": [\n    9007199254740993,\n    {}\n  ]\n}' },
    { name: "on", value: "true" },
    { name: "none", value: "null" },
  ]);
  expect(shownParameters("{}")).toEqual([]);
});
