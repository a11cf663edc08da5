import { expect, test } from "vitest";
import { parseByteRange } from "./byte-range.ts";

test.each([
  ["bytes=0-0", { offset: 0, length: 1 }],
  ["bytes=10-19", { offset: 10, length: 10 }],
  ["bytes=90-", { offset: 90, length: 10 }],
  ["bytes=90-1000", { offset: 90, length: 10 }],
  ["bytes=-7", { offset: 93, length: 7 }],
  ["bytes=-1000", { offset: 0, length: 100 }],
  ["bytes=100-", "outside"],
  ["bytes=-0", "outside"],
  ["bytes=5-4", "whole"],
  ["bytes=0-1,5-6", "whole"],
  ["bytes=-", "whole"],
  ["lines=0-1", "whole"],
  ["", "whole"],
  [undefined, "whole"],
])("of 100 bytes, %s is %j", (header, range) => {
  expect(parseByteRange(header, 100)).toEqual(range);
});
