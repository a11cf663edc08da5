import { expect, test } from "vitest";
import { parseReadOptions, READ_PARAMETERS } from "./read-options.ts";

const parse = (query: string, headers: Record<string, string> = {}) =>
  parseReadOptions(new URLSearchParams(query), new Headers(headers));

test.each(READ_PARAMETERS)("[ERR4] %s twice is refused, even with one value", (name) => {
  expect(parse(`${name}=1&${name}=1`)).toEqual({
    kind: "refused",
    refusal: { code: "INVALID_QUERY", detail: expect.stringContaining(name) },
  });
});
