import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { FIGURES } from "../../bench/figures/all.ts";
import type { Row } from "../../bench/figure.ts";
import { ROOT } from "../support/server-process.ts";

const folder = mkdtempSync(join(tmpdir(), "runcast-bench-smoke-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("every figure can still be measured, beside every peer", () => {
  const json = join(folder, "figures.json");
  execFileSync(process.execPath, [join(ROOT, "bench/run.ts"), "--smoke", "--json", json], { stdio: "pipe" });
  const { figures }: { figures: { name: string; rows: Row[] }[] } = JSON.parse(readFileSync(json, "utf8"));
  expect(figures.map(({ name }) => name)).toEqual(Object.keys(FIGURES));
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
