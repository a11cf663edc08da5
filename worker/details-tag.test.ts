import { expect, test } from "vitest";
import { detailsTag, parseIfMatch } from "./details-tag.ts";

test("[PAT2] the tag is that of name, labels and pin, whatever the order of the labels", async () => {
  const details = { name: "a", labels: { x: "1", y: "2" }, pinned: false };
  const tag = await detailsTag(details);
  expect(tag).toMatch(/^"[0-9a-f]{32}"$/);
  expect(await detailsTag({ ...details, labels: { y: "2", x: "1" } })).toBe(tag);
  for (const other of [
    { ...details, name: null },
    { ...details, labels: {} },
    { ...details, pinned: true },
  ]) {
    expect(await detailsTag(other)).not.toBe(tag);
  }
});

test.each([
  [undefined, { kind: "any" }],
  [" * ", { kind: "any" }],
  ['"a"', { kind: "tags", tags: ['"a"'] }],
  ['"a" , W/"b"', { kind: "tags", tags: ['"a"', 'W/"b"'] }],
  ["a", { kind: "unreadable" }],
  ['"a",', { kind: "unreadable" }],
  ["", { kind: "unreadable" }],
])("If-Match %j", (header, answer) => {
  expect(parseIfMatch(header)).toEqual(answer);
});
