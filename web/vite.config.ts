import { resolve } from "node:path";
import adapter from "@sveltejs/adapter-static";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig, searchForWorkspaceRoot } from "vite";

/** Where `vite dev` finds a running Runcast; the built page is served by Runcast itself. */
const SERVER = process.env["RUNCAST_URL"] ?? "http://127.0.0.1:8787";

/** Absolute, because the adapter would take a relative one from wherever the build was started. */
const OUT = resolve(import.meta.dirname, "build");

export default defineConfig({
  // Named here so that `vite build --config web/vite.config.ts` from the repository's root and `vite build` in web/ are the same build.
  root: import.meta.dirname,
  plugins: [
    sveltekit({
      adapter: adapter({ pages: OUT, assets: OUT, fallback: "index.html" }),
      csp: {
        mode: "hash",
        // Nothing comes from elsewhere. Styles need no 'unsafe-inline': what is computed is set through the CSSOM, which the policy allows.
        // The one hash is SvelteKit's own hidden announcer (`#svelte-announcer`), whose style is an attribute; nothing else may have one.
        directives: {
          "default-src": ["self"],
          "script-src": ["self"],
          "style-src": ["self", "unsafe-hashes", "sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo="],
          "font-src": ["self"],
          "connect-src": ["self"],
          "img-src": ["self", "data:"],
          "object-src": ["none"],
          "base-uri": ["self"],
          "form-action": ["self"],
        },
      },
      // A page left open over an update keeps its console; it must not reload by itself, so it does not ask either.
      version: { pollInterval: 0 },
    }),
  ],
  server: {
    fs: { allow: [searchForWorkspaceRoot(import.meta.dirname), ".."] },
    proxy: { "/api": { target: SERVER, ws: true }, "/runcast.mjs": { target: SERVER } },
  },
  build: { target: "es2024", assetsInlineLimit: 0 },
});
