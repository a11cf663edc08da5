import { renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ENTRY = fileURLToPath(new URL("../cli/main.ts", import.meta.url));

/** The command line as one file for Node ≥ 20 that needs nothing installed. Two at once do not harm each other: it is written beside. */
export async function bundleCommandLine(outfile) {
  const fresh = `${outfile}.${process.pid}`;
  try {
    await build({
      entryPoints: [ENTRY],
      outfile: fresh,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      // A package written for CommonJS calls require for Node's own modules.
      banner: {
        js: '#!/usr/bin/env node\nimport { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);',
      },
      legalComments: "inline",
      logLevel: "warning",
    });
    renameSync(fresh, outfile);
  } finally {
    rmSync(fresh, { force: true });
  }
}
