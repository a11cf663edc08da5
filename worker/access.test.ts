import { expect, test } from "vitest";
import { findRule, mayAct } from "./access.ts";

test("a role may do what it is for and what lower roles are for", () => {
  expect(mayAct("viewer", "viewer")).toBe(true);
  expect(mayAct("viewer", "operator")).toBe(false);
  expect(mayAct("operator", "administrator")).toBe(false);
  expect(mayAct("administrator", "viewer")).toBe(true);
});

test("HEAD is admitted as GET", () => {
  expect(findRule("HEAD", "/api/health")).toMatchObject({ kind: "route", rule: { method: "GET" } });
});

test("a dot in a path is a dot, and a parameter is one part of it", () => {
  expect(findRule("GET", "/api/openapixjson")).toEqual({ kind: "unknown_path" });
  expect(findRule("GET", "/api/runs/a/b/summary")).toEqual({ kind: "unknown_path" });
  expect(findRule("GET", "/api/runs//summary")).toEqual({ kind: "unknown_path" });
});
