import { expect, test } from "vitest";
import { encodeCursor } from "../storage/run-filter.ts";
import { listQuerySchema, toRunQuery } from "./list-query.ts";

const parse = (query: Record<string, string | string[]>) => toRunQuery("default", listQuerySchema.parse(query));

test("nothing asked for: the first fifty", () => {
  expect(parse({})).toEqual({ workspaceId: "default", limit: 50 });
  expect(parse({ q: "  " })).toEqual({ workspaceId: "default", limit: 50 });
});

test("one status, several, and what other tools call them", () => {
  expect(parse({ status: "queued" }).statuses).toEqual(["queued"]);
  expect(parse({ status: ["completed", "canceled", "failed"] }).statuses).toEqual(["succeeded", "cancelled", "failed"]);
});

test("a label's value may hold a colon", () => {
  expect(parse({ label: ["a:b:c", "d:"] }).labels).toEqual([
    { key: "a", value: "b:c" },
    { key: "d", value: "" },
  ]);
});

test("bounds are compared in UTC to the millisecond", () => {
  expect(parse({ created_after: "2026-11-21T02:30:00+01:00" }).createdAfter).toBe("2026-11-21T01:30:00.000Z");
});

test("a cursor is one that a list gave", () => {
  const runId = "0194a8e0-0000-7000-8000-000000000000";
  const cursor = encodeCursor({ createdAt: "2026-11-21T01:30:00.000Z", runId });
  expect(parse({ cursor }).cursor).toBe(cursor);
  for (const forged of [
    "a",
    "%%",
    encodeCursor({ createdAt: "now", runId }),
    encodeCursor({ createdAt: "2026-11-21T01:30:00.000Z", runId: "1" }),
  ]) {
    expect(listQuerySchema.safeParse({ cursor: forged }).success).toBe(false);
  }
});
