import { expect, test } from "vitest";
import { firstCause } from "./first-cause.ts";

test("of a failed query only what the database said is told, not what was to be stored", () => {
  const said = new Error("D1_ERROR: no such table: runs");
  expect(firstCause(new Error("Failed query: INSERT … params: a secret", { cause: said }))).toBe(said);
  expect(firstCause(said)).toBe(said);
  expect(firstCause("nothing thrown as an error")).toBe("nothing thrown as an error");
});
