import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { build as bundle, type Plugin } from "esbuild";
import { bundleBrowserSdk, bundleCommandLine, bundleNodeSdk } from "../client/bin/bundle.mjs";
import { DIST, ROOT } from "./state-folder.ts";

/** One thing that is built, and what it is built from. */
type Product = {
  name: string;
  /** Files and folders, from the repository's root; a change in any of them builds it again. */
  inputs: string[];
  outputs: string[];
  build(): Promise<void>;
};

export const WORKER_BUNDLE = join(DIST, "worker.js");
const WORKER_OPTIONS = join(DIST, "worker.json");
export const COMMAND_LINE = join(DIST, "runcast.mjs");
const BROWSER_SDK = join(DIST, "runcast-sdk.mjs");
const NODE_SDK = join(DIST, "runcast-sdk-node.mjs");
/** Served to whoever asks for them, as in `curl -O $URL/runcast.mjs`. */
const typesOf = (module: string): string => module.replace(/\.mjs$/, ".d.mts");
const SERVED_MODULES = [COMMAND_LINE, BROWSER_SDK, NODE_SDK, typesOf(BROWSER_SDK), typesOf(NODE_SDK)];
const ASSETS = join(DIST, "assets");
const BUILT = join(DIST, "built.json");

const PRODUCTS: Product[] = [
  {
    name: "command line",
    inputs: ["client", "protocol", "package-lock.json"],
    outputs: [COMMAND_LINE],
    build: () => bundleCommandLine(COMMAND_LINE),
  },
  {
    name: "SDK",
    inputs: ["client", "protocol", "package-lock.json"],
    outputs: [BROWSER_SDK, NODE_SDK, typesOf(BROWSER_SDK), typesOf(NODE_SDK)],
    build: async () => {
      await bundleBrowserSdk(BROWSER_SDK);
      await bundleNodeSdk(NODE_SDK);
      // Loading TypeScript takes a second, and most starts have nothing to build.
      const { bundleTypes } = await import("../client/bin/bundle-types.mjs");
      bundleTypes([
        { entries: ["client/index.ts"], outfile: typesOf(BROWSER_SDK) },
        { entries: ["client/index.ts", "client/node-web-socket.ts"], outfile: typesOf(NODE_SDK) },
      ]);
    },
  },
  {
    name: "web",
    inputs: ["web", "client", "protocol", "package-lock.json"],
    outputs: [join(ASSETS, "index.html")],
    build: buildWeb,
  },
  {
    name: "worker",
    inputs: [
      "worker",
      "durable-objects",
      "storage",
      "core",
      "protocol",
      "migrations/schema.ts",
      "wrangler.toml",
      "package-lock.json",
    ],
    outputs: [WORKER_BUNDLE, WORKER_OPTIONS],
    build: buildWorker,
  },
];

/** Builds what is not there or older than its sources, and says each on standard error. Throws when a build fails. */
export async function build(): Promise<void> {
  mkdirSync(ASSETS, { recursive: true });
  const built = existsSync(BUILT) ? readRecord(BUILT) : {};
  for (const product of PRODUCTS) {
    const hash = hashInputs(product.inputs);
    if (built[product.name] === hash && product.outputs.every(existsSync)) continue;
    console.error(`Building the ${product.name} …`);
    await product.build();
    built[product.name] = hash;
    writeFileSync(BUILT, JSON.stringify(built, null, 2));
  }
  for (const module of SERVED_MODULES) {
    const target = join(ASSETS, basename(module));
    inPlaceOf(target, (fresh) => cpSync(module, fresh));
  }
}

/** What builds the web pages, from the repository's root: here, and once more as the first run of a state folder. */
export function webBuildCommand(): string[] {
  return [process.execPath, join(ROOT, "node_modules/vite/bin/vite.js"), "build", "--config", "web/vite.config.ts"];
}

async function buildWeb(): Promise<void> {
  const [program = "", ...args] = webBuildCommand();
  // What the caller is, a test or a developer's shell, is not what the pages are: as of a development build they are larger, and do not know a newer release.
  const env = { ...process.env, NODE_ENV: "production" };
  const { status, error, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, env, encoding: "utf8" });
  if (error) throw error;
  // Its pages of file sizes would bury the address to open; they are for whoever has to find out what went wrong.
  if (status !== 0) throw new Error(`The web build ended with exit code ${status}.\n${stdout}${stderr}`);
  // Beside, then in place: a server started meanwhile finds the old pages or the new ones, never half of them.
  const fresh = `${ASSETS}.new`;
  rmSync(fresh, { recursive: true, force: true });
  cpSync(join(ROOT, "web/build"), fresh, { recursive: true });
  rmSync(ASSETS, { recursive: true, force: true });
  renameSync(fresh, ASSETS);
}

async function buildWorker(): Promise<void> {
  await bundleWorker(join(ROOT, "worker/index.ts"), WORKER_BUNDLE);
  // Read by wrangler once, so that wrangler.toml alone says what the Worker is bound to and a start need not wait for wrangler to load.
  const { unstable_getMiniflareWorkerOptions: readOptions, unstable_readConfig: readConfig } = await import("wrangler");
  const config = join(ROOT, "wrangler.toml");
  const { workerOptions } = readOptions(config);
  writeFileSync(WORKER_OPTIONS, JSON.stringify({ name: readConfig({ config }).name, worker: workerOptions }, null, 2));
}

/** Bundles a module whose exports workerd loads. Tests load one that counts what ours asks of its bindings, or with a bug planted in it. */
export async function bundleWorker(entry: string, outfile: string, plugins: Plugin[] = []): Promise<void> {
  const fresh = freshNameOf(outfile);
  await bundle({
    plugins,
    entryPoints: [entry],
    outfile: fresh,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["browser", "module", "main"],
    external: ["cloudflare:*", "node:*"],
    sourcemap: "inline",
    logLevel: "warning",
  });
  renameSync(fresh, outfile);
}

/** Beside, then in place: a server that is started meanwhile finds the old file or the new one, never half of it. */
function inPlaceOf(target: string, write: (fresh: string) => void): void {
  const fresh = freshNameOf(target);
  write(fresh);
  renameSync(fresh, target);
}

/** Not in the folder of what is served: a server that is started meanwhile lists that one, and fails when a file goes. */
const freshNameOf = (path: string): string => join(DIST, `${basename(path)}.${process.pid}`);

/** What wrangler.toml says, as Miniflare takes it. */
export function readWorkerOptions(): { name: string; version: string; worker: { bindings: Record<string, unknown> } } {
  const { name, worker } = JSON.parse(readFileSync(WORKER_OPTIONS, "utf8"));
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return { name, version: `${version}+${readBuildId()}`, worker };
}

/** Differs between any two builds of different sources; eight characters that a version may end with. */
export function readBuildId(): string {
  const built = readRecord(BUILT);
  const hash = createHash("sha256").update(PRODUCTS.map(({ name }) => built[name] ?? "").join("\n"));
  return hash.digest("hex").slice(0, 8);
}

function hashInputs(inputs: string[]): string {
  // Absolute paths are in what wrangler makes of its configuration.
  const hash = createHash("sha256").update(ROOT).update(process.version);
  for (const path of inputs.flatMap(listFiles))
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(ROOT, path)));
  return hash.digest("hex");
}

/** Tests are left out: they are in no product. */
function listFiles(input: string): string[] {
  if (!existsSync(join(ROOT, input))) return [];
  if (statSync(join(ROOT, input)).isFile()) return [input];
  return globSync(`${input}/**/*`, {
    cwd: ROOT,
    exclude: ["**/node_modules", "web/build", "web/.svelte-kit", "**/*.test.ts", "**/*.md"],
  })
    .filter((path) => statSync(join(ROOT, path)).isFile())
    .toSorted();
}

function readRecord(path: string): Record<string, string> {
  return JSON.parse(readFileSync(path, "utf8"));
}

if (import.meta.main) await build();
