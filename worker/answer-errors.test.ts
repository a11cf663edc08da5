import { expect, test } from "vitest";
import { isUnavailable } from "./answer-errors.ts";

test.each([
  new Error("D1_ERROR: Network connection lost."),
  new Error("Failed query", { cause: new Error("D1_ERROR: no such table: runs: SQLITE_ERROR") }),
  new Error("put: We encountered an internal error. Please try again. (10001)"),
  Object.assign(new Error("Durable Object reset because its code was updated."), { retryable: true }),
  Object.assign(new Error("Durable Object is overloaded."), { overloaded: true }),
])("storage out of reach: %s", (error) => {
  expect(isUnavailable(error)).toBe(true);
});

test.each([
  new TypeError("undefined is not a function"),
  new Error("D1_ERROR: UNIQUE constraint failed: runs.run_id: SQLITE_CONSTRAINT"),
  Object.assign(new Error("a bug in the object"), { remote: true }),
  "text",
])("a bug of ours: %s", (error) => {
  expect(isUnavailable(error)).toBe(false);
});
