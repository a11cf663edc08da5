import { describe, expect, test } from "vitest";
import { returnPath, signInPath, tokenFromFragment } from "./sign-in.ts";

const ORIGIN = "http://127.0.0.1:8787";

test.each([
  ["#token=rc_abc-_", "rc_abc-_"],
  ["#token=", null],
  ["#L120", null],
  ["", null],
])("the token of %j is %j", (hash, token) => expect(tokenFromFragment(hash)).toBe(token));

describe("after signing in one goes on", () => {
  test.each([
    ["/runs/0193?x=1#L120", "/runs/0193?x=1#L120"],
    [null, "/"],
    ["https://elsewhere.test/", "/"],
    ["//elsewhere.test/", "/"],
    ["/\\elsewhere.test", "/"],
    ["javascript:alert(1)", "/"],
    ["/sign-in?next=/", "/"],
  ])("from %j to %j", (next, path) => expect(returnPath(next, ORIGIN)).toBe(path));

  test("the place survives the way there and back", () => {
    const url = new URL(signInPath({ pathname: "/w/default", search: "?q=a%26b", hash: "#L1" }), ORIGIN);
    expect(returnPath(url.searchParams.get("next"), ORIGIN)).toBe("/w/default?q=a%26b#L1");
  });
});
