import { expect, test } from "vitest";
import { isAllowedHost } from "./check-host.ts";

test.each([
  ["", "http://anything.example", true],
  ["127.0.0.1:8787,localhost", "http://127.0.0.1:8787", true],
  ["127.0.0.1:8787,localhost", "http://127.0.0.1:9999", false],
  ["127.0.0.1:8787, LOCALHOST", "http://localhost:1234", true],
  ["[::1]", "http://[::1]:8787", true],
  ["localhost", "http://localhost.evil.example", false],
])("allowed %j: %s is %s", (allowed, url, answer) => {
  expect(isAllowedHost(allowed, new URL(url))).toBe(answer);
});
