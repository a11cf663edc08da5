import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { ROOT } from "./server-process.ts";

/** What is no source, or made from the sources. */
const LEFT_OUT = new Set([
  "node_modules",
  "dist",
  "web/build",
  "web/.svelte-kit",
  "test",
  "bench",
  "docs",
  "test-results",
]);

/**
 * The sources beside these, as of a later release: another version, and pages that can be told from those before. `npm start` builds and serves
 * them; `script` is what it runs.
 */
export function makeNewerRelease(): { folder: string; script: string; version: string } {
  const folder = mkdtempSync(join(tmpdir(), "runcast-newer-"));
  const isTaken = (path: string): boolean => {
    const name = relative(ROOT, path).split(sep).join("/");
    return !LEFT_OUT.has(name) && (name === "" || !name.startsWith("."));
  };
  cpSync(ROOT, folder, { recursive: true, filter: isTaken });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));

  const version = "99.0.0";
  change(join(folder, "package.json"), /"version": "[^"]*"/, `"version": "${version}"`);
  change(join(folder, "web/src/app.html"), '<html lang="en">', `<html lang="en" data-release="${version}">`);
  // Scripts are called by their content: one that stayed as it was would still be there.
  change(join(folder, "web/src/lib/runs/RunsPage.svelte"), "Loading the runs", "Loading all the runs");
  return { folder, script: join(folder, "local/start.ts"), version };
}

function change(path: string, from: string | RegExp, to: string): void {
  const before = readFileSync(path, "utf8");
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${path} has nothing like ${String(from)}`);
  writeFileSync(path, after);
}
