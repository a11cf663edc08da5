import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../local/state-folder.ts";

const PACKAGES = ["miniflare", "partyserver", "ws", "@durable-streams/server"];

/** Where a figure was measured, and with what: without these it says nothing. */
export function describeMachine(): Record<string, string | number> {
  const {
    dependencies,
    devDependencies,
  }: Record<string, Record<string, string>> = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const pinned = { ...dependencies, ...devDependencies };
  const requireBesideMiniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  const { version: workerd }: { version: string } = requireBesideMiniflare("workerd/package.json");
  return {
    commit: spawnSync("git", ["describe", "--always", "--dirty"], { cwd: ROOT, encoding: "utf8" }).stdout.trim(),
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    load_before: Number(loadavg()[0]?.toFixed(2)),
    system: `${process.platform} ${release()}`,
    node: process.versions.node,
    workerd,
    ...Object.fromEntries(PACKAGES.map((name) => [name, pinned[name] ?? "unknown"])),
  };
}
