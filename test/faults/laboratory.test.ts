import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { build, WORKER_BUNDLE } from "../../local/build.ts";
import { removeServers } from "../support/server-process.ts";
import { attack, type LaboratoryReport } from "./laboratory/laboratory.ts";
import { bundleLaboratory, LaboratoryServer } from "./laboratory/laboratory-server.ts";

/** `npm run test:faults -- --seconds 600 --seed N`; a failure prints its seed, and with that it happens again. */
const SECONDS = Number(process.env.RUNCAST_FAULT_SECONDS ?? 45);
const SEED = Number(process.env.RUNCAST_SEED ?? 20_261_121);

afterAll(removeServers);

test(
  `attacked for ${SECONDS} s with seed ${SEED}: every acknowledged event once, in order, on every surface`,
  { timeout: SECONDS * 1_000 + 240_000 },
  async () => {
    const server = await LaboratoryServer.start(await bundleLaboratory());
    const report = await attack(server, SEED, SECONDS);
    await server.stop();
    process.stdout.write(`${describeReport(report, server)}\n`);
    expect(report.kills).toBeGreaterThan(0);
    expect(report.events).toBeGreaterThan(0);
    expect(server.counts.r2.fail + server.counts.d1.fail).toBeGreaterThan(0);
  },
);

test("what is deployed has nothing of the laboratory", async () => {
  await build();
  const deployed = readFileSync(WORKER_BUNDLE, "utf8").replace(/\/\/# sourceMappingURL=.*/s, "");
  expect(deployed).toContain("RunObject");
  for (const mark of ["/laboratory", "FaultyCalls", "clockOffsetMs"]) expect(deployed).not.toContain(mark);
  expect(readFileSync(await bundleLaboratory(), "utf8")).toContain("FaultyCalls");
});

function describeReport(report: LaboratoryReport, server: LaboratoryServer): string {
  const { continuedAfterMs, ...counts } = report;
  const sorted = continuedAfterMs.toSorted((a, b) => a - b);
  const continued = { median: sorted[sorted.length >> 1] ?? null, most: sorted.at(-1) ?? null };
  return JSON.stringify({ ...counts, continued_after_ms: continued, faults: server.counts }, null, 2);
}
