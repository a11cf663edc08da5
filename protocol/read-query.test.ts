import { expect, test } from "vitest";
import { parseLiveQuery, parsePosition } from "./read-query.ts";

const positionOf = (query: string): number | string => {
  const position = parsePosition(new URLSearchParams(query));
  return position.kind === "ok" ? position.value : position.refusal.code;
};

test.each<[string, number | string]>([
  ["", 0],
  ["after_sequence=0", 0],
  ["after_sequence=7", 7],
  ["from_sequence=8", 7],
  ["from_sequence=1", 0],
  ["after_sequence=9007199254740991", 9_007_199_254_740_991],
  // No event has the sequence 0.
  ["from_sequence=0", "INVALID_QUERY"],
  ["after_sequence=7&from_sequence=8", "INVALID_QUERY"],
  ["after_sequence=7&from_sequence=", "INVALID_QUERY"],
  ["after_sequence=9007199254740992", "INVALID_QUERY"],
  ...["", "-1", "+1", "1.0", "1e3", "0x1", " 1", "١"].map((text): [string, string] => [
    `after_sequence=${encodeURIComponent(text)}`,
    "INVALID_QUERY",
  ]),
])("[WRD1] %j begins after %s", (query, position) => {
  expect(positionOf(query)).toBe(position);
});

test.each(["after_sequence", "from_sequence", "types", "stay"])("[ERR4] %s of a socket is there once", (name) => {
  const value = name === "types" ? "run.*" : name === "stay" ? "true" : "1";
  const once = new URLSearchParams([[name, value]]);
  expect(parseLiveQuery(once).kind).toBe("ok");
  const twice = new URLSearchParams([...once, ...once]);
  expect(parseLiveQuery(twice)).toMatchObject({ kind: "refused", refusal: { code: "INVALID_QUERY" } });
});
