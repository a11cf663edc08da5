import { renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const entry = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

// A package written for CommonJS calls require for Node's own modules.
const REQUIRE =
  'import { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);';

/** The command line as one file for Node ≥ 20 that needs nothing installed. */
export const bundleCommandLine = (outfile) =>
  bundle(outfile, {
    entryPoints: [entry("cli/main.ts")],
    platform: "node",
    target: "node20",
    banner: { js: `#!/usr/bin/env node\n${REQUIRE}` },
  });

/** The SDK as one file that a page loads as it is; it runs wherever there are fetch and streams. */
export const bundleBrowserSdk = (outfile) =>
  bundle(outfile, { entryPoints: [entry("index.ts")], platform: "browser", target: "es2023", minify: true });

/** The SDK as one file for Node ≥ 20 that needs nothing installed. */
export const bundleNodeSdk = (outfile) =>
  bundle(outfile, { entryPoints: [entry("node.ts")], platform: "node", target: "node20", banner: { js: REQUIRE } });

/** zod brings its messages in fifty languages, more than all the rest together; nothing here ever asks for another than its own. */
const englishOnly = {
  name: "english-only",
  setup: (building) =>
    building.onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.c?js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    })),
};

/** Two at once do not harm each other: it is written beside. */
async function bundle(outfile, options) {
  const fresh = `${outfile}.${process.pid}`;
  try {
    await build({
      outfile: fresh,
      bundle: true,
      format: "esm",
      legalComments: "inline",
      logLevel: "warning",
      plugins: [englishOnly],
      ...options,
    });
    renameSync(fresh, outfile);
  } finally {
    rmSync(fresh, { force: true });
  }
}
