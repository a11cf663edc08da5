import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStateFolder, type StateFolder } from "./state-folder.ts";
import { readInstanceSecret, readTokens } from "./tokens.ts";

let folder: StateFolder;
beforeEach(() => {
  folder = openStateFolder(mkdtempSync(join(tmpdir(), "runcast-tokens-")));
});
afterEach(() => rmSync(folder.path, { recursive: true }));

test("tokens are made once, hold 256 bits, and only their owner may read them", () => {
  const tokens = readTokens(folder, {});
  expect(readTokens(folder, {})).toEqual(tokens);
  for (const role of ["administrator", "viewer"] as const) {
    expect(tokens[role]).toMatch(/^rc_[A-Za-z0-9_-]{43}$/);
    expect(statSync(join(folder.path, `${role}-token`)).mode & 0o777).toBe(0o600);
  }
  expect(tokens.administrator).not.toBe(tokens.viewer);
});

test("the environment's tokens come first and are written nowhere", () => {
  const made = readTokens(folder, {});
  const environment = { RUNCAST_TOKEN: "a-token-from-outside", RUNCAST_VIEW_TOKEN: "another-from-outside" };
  expect(readTokens(folder, environment)).toEqual({
    administrator: "a-token-from-outside",
    viewer: "another-from-outside",
  });
  expect(readTokens(folder, {})).toEqual(made);
});

test("two equal tokens, or one that no header can carry, are refused", () => {
  expect(() =>
    readTokens(folder, { RUNCAST_TOKEN: "one-token-for-both", RUNCAST_VIEW_TOKEN: "one-token-for-both" }),
  ).toThrow("differ");
  expect(() => readTokens(folder, { RUNCAST_TOKEN: "with a space in it" })).toThrow("administrator");
});

test("the instance's secret is made once, for its owner's eyes, unless the environment brings one", () => {
  const secret = readInstanceSecret(folder, {});
  expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(readInstanceSecret(folder, {})).toBe(secret);
  expect(statSync(join(folder.path, "instance-secret")).mode & 0o777).toBe(0o600);
  expect(readInstanceSecret(folder, { RUNCAST_SECRET: "a-secret-from-outside" })).toBe("a-secret-from-outside");
  expect(() => readInstanceSecret(folder, { RUNCAST_SECRET: "short" })).toThrow("guessed");
  expect(Object.values(readTokens(folder, {}))).not.toContain(secret);
});
