import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { FIGURES } from "../../bench/figures/all.ts";
import type { Row } from "../../bench/figure.ts";
import { ROOT } from "../support/server-process.ts";

const folder = mkdtempSync(join(tmpdir(), "runcast-bench-smoke-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** These start and restart servers of their own, which takes as long as all the others together. */
const SLOW_TO_START = ["slow-archive", "many-runs", "download"];

test("the figures can still be measured, each beside its peers", { timeout: 300_000 }, async () => {
  const names = Object.keys(FIGURES).filter((name) => !SLOW_TO_START.includes(name));
  const json = join(folder, "figures.json");
  await promisify(execFile)(process.execPath, [join(ROOT, "bench/run.ts"), "--smoke", "--json", json, ...names]);
  const { figures }: { figures: { name: string; rows: Row[] }[] } = JSON.parse(readFileSync(json, "utf8"));
  expect(figures.map(({ name }) => name)).toEqual(names);
  for (const { name, rows } of figures) {
    expect(rows.length, name).toBeGreaterThan(0);
    for (const { case: of, by } of rows) {
      const peers = Object.keys(by);
      expect([peers.includes("runcast"), peers.length >= 2], `${name}: ${of}`).toEqual([true, true]);
      for (const [peer, { values, notes = [] }] of Object.entries(by))
        expect({ values, notes }, `${name}: ${of}: ${peer}`).toEqual({ values: [expect.any(Number)], notes: [] });
    }
  }
});
