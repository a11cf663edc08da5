import { afterEach, describe, expect, test } from "vitest";
import { removeServers } from "../support/server-process.ts";
import { attack } from "./laboratory/laboratory.ts";
import { bundleLaboratory, LaboratoryServer } from "./laboratory/laboratory-server.ts";
import { plant, PLANTED_BUGS } from "./laboratory/planted-bugs.ts";

/** How soon each must be found. */
const SECONDS = 60;
const SEED = Number(process.env.RUNCAST_SEED ?? 20_261_121);

afterEach(removeServers);

test("every bug can still be planted", () => {
  for (const bug of PLANTED_BUGS) expect(plant(bug).name).toBe("planted-bug");
});

describe.runIf(process.env.RUNCAST_LONG === "1")("a planted bug is found", () => {
  test.each(PLANTED_BUGS)("$name", { timeout: 300_000 }, async (bug) => {
    const server = await LaboratoryServer.start(await bundleLaboratory([plant(bug)]));
    const startedAt = Date.now();
    const found = await attack(server, SEED, SECONDS).then(
      () => null,
      (error: unknown) => String(error),
    );
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    console.log(`${bug.name}: ${found === null ? "not found" : `found after ${seconds} s: ${found.slice(0, 300)}`}`);
    expect(found).not.toBeNull();
  });
});
