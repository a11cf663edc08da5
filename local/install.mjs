// What `npm start` and `npm test` do first, on any Node from 20 on.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = 20;

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The Node that package.json names, which runs TypeScript as it is; the system's may be older. */
export function projectNode() {
  return join(ROOT, "node_modules/node/bin", process.platform === "win32" ? "node.exe" : "node");
}

/** Installs what package-lock.json names, if it is not what lies in node_modules. Ends the process when that fails. */
export async function installWhatIsMissing() {
  if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) {
    console.error(`Runcast needs Node ${OLDEST_NODE} or newer; this is ${process.version}. https://nodejs.org`);
    process.exit(1);
  }
  if (isInstalled()) return;
  console.error("Installing what is missing; this takes a minute or two, once …");
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: ROOT,
    // Standard output is for what the caller prints.
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status === 0 && existsSync(projectNode())) return;
  if (error) console.error(`npm: ${error.message}`);
  console.error(
    status === 0
      ? "npm left out Node 24, most likely because it did not run install scripts: npm rebuild node"
      : "npm ci failed; what it said stands above.",
  );
  process.exit(1);
}

/** Whether node_modules holds each package of package-lock.json in its version. Only optional ones may be absent: they are for other platforms. */
function isInstalled() {
  const installedPath = join(ROOT, "node_modules/.package-lock.json");
  if (!existsSync(installedPath) || !existsSync(projectNode())) return false;
  const wanted = readPackages(join(ROOT, "package-lock.json"));
  const installed = readPackages(installedPath);
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === "") return true;
    return installed[path] === undefined ? optional === true : installed[path].version === version;
  });
}

function readPackages(path) {
  return JSON.parse(readFileSync(path, "utf8")).packages;
}
