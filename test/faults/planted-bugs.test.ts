import { afterEach, expect, test } from "vitest";
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

// They test the laboratory and not the product, ten minutes long: `npm run test:faults -- --planted`.
for (const bug of process.env.RUNCAST_PLANTED === "1" ? PLANTED_BUGS : []) {
  test(`a planted bug is found: ${bug.name}`, { timeout: 300_000 }, async () => {
    const server = await LaboratoryServer.start(await bundleLaboratory([plant(bug)]));
    const startedAt = Date.now();
    const found = await attack(server, SEED, SECONDS).then(
      () => null,
      (error: unknown) => String(error),
    );
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    const told = found === null ? "not found" : `found after ${seconds} s: ${found.slice(0, 300)}`;
    process.stdout.write(`${bug.name}: ${told}\n`);
    expect(found).not.toBeNull();
    expect(seconds).toBeLessThanOrEqual(SECONDS);
  });
}
