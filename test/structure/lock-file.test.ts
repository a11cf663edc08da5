import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

type LockedPackage = { version: string; optionalDependencies?: Record<string, string> };

test("package-lock.json names the packages of every platform, so that npm ci works on each", () => {
  const lock: { packages: Record<string, LockedPackage> } = JSON.parse(
    readFileSync(resolve("package-lock.json"), "utf8"),
  );
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isReachable(lock.packages, path, name)),
  );
  // A registry that keeps only some platforms' packages leaves the others out without a word, and npm ci refuses the result.
  expect(missing).toEqual([]);
});

/** As Node looks for it: beside the package, then further and further out. */
function isReachable(packages: Record<string, LockedPackage>, from: string, name: string): boolean {
  for (let path = from; ; path = path.slice(0, Math.max(0, path.lastIndexOf("/node_modules/")))) {
    const folder = path === "" ? "node_modules" : `${path}/node_modules`;
    if (`${folder}/${name}` in packages) return true;
    if (path === "") return false;
  }
}
