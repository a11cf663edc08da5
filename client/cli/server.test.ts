import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findServer } from "./server.ts";

let home: string;
let note: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "runcast-home-"));
  mkdirSync(join(home, "runcast"));
  note = join(home, "runcast", "server.json");
});
afterEach(() => rmSync(home, { recursive: true }));

const find = (environment: Record<string, string> = {}) => findServer({ XDG_CONFIG_HOME: home, ...environment });
const write = () => writeFileSync(note, JSON.stringify({ url: "http://127.0.0.1:8787", token: "noted" }));

test("the server that npm start wrote down, unless the environment names another", () => {
  expect(find()).toMatchObject({ kind: "unknown", reason: expect.stringContaining("npm start") });
  write();
  expect(find()).toEqual({ kind: "found", server: { url: "http://127.0.0.1:8787", token: "noted", tokenFrom: note } });
  expect(find({ RUNCAST_TOKEN: "mine" })).toMatchObject({ server: { token: "mine", tokenFrom: "RUNCAST_TOKEN" } });
  const both = find({ RUNCAST_URL: "https://runs.example", RUNCAST_TOKEN: "mine" });
  expect(both).toMatchObject({ server: { url: "https://runs.example", token: "mine" } });
});

test("a token goes to the server that gave it and to no other", () => {
  write();
  expect(find({ RUNCAST_URL: "http://127.0.0.1:8787/" })).toMatchObject({ server: { token: "noted" } });
  expect(find({ RUNCAST_URL: "https://runs.example" })).toMatchObject({ server: { token: undefined } });
});

test("what cannot be read is said", () => {
  writeFileSync(note, "{");
  expect(find()).toMatchObject({ kind: "unknown", reason: expect.stringContaining(note) });
  expect(find({ RUNCAST_URL: "http://x", RUNCAST_TOKEN: "y" })).toMatchObject({ kind: "found" });
  expect(find({ RUNCAST_URL: "ftp://x" })).toMatchObject({ kind: "unknown" });
});
