#!/usr/bin/env node
// `npx runcast` in the clone. Runs the bundle, because the sources are TypeScript and this may be Node 20; makes it first when it is not
// there or older than what it is made of.
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bundle = join(root, "dist", "runcast.mjs");

if (!isCurrent()) {
  let bundleCommandLine;
  try {
    ({ bundleCommandLine } = await import("./bundle.mjs"));
  } catch (cause) {
    if (cause?.code !== "ERR_MODULE_NOT_FOUND") throw cause;
    process.stderr.write('runcast: not built yet. Run "npm install" in its folder first.\n');
    process.exit(1);
  }
  mkdirSync(dirname(bundle), { recursive: true });
  await bundleCommandLine(bundle);
}
await import(pathToFileURL(bundle).href);

function isCurrent() {
  if (!existsSync(bundle)) return false;
  const builtAt = statSync(bundle).mtimeMs;
  const sources = ["client", "protocol"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, name)),
  );
  return sources.every((path) => path.endsWith(".test.ts") || statSync(path).mtimeMs <= builtAt);
}
