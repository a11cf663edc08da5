// `npm test`: every check and every test, from a fresh clone with nothing but Node 20 and npm, in plain JavaScript because
// nothing is installed yet. The last line is `N passed, N failed`; a check counts as one test, and so does a skipped test: as failed.
//
//   npm test                            all of it
//   npm test -- --project unit core/    only vitest, with these arguments
//   npm run check                       only the checks
//   npm run test:long                   fault and load tests at full length
//   npm run test:faults -- --seconds 600 --seed 7   the fault laboratory alone, so long and with this seed
//   npm run test:faults -- --planted    whether the laboratory finds bugs that are planted in the server
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, sep } from "node:path";
import { ROOT, installWhatIsMissing, projectNode } from "../local/install.mjs";
import { findUnmet } from "./contract/unmet.mjs";

const CHECKS = [
  ["format", "oxfmt", "--check"],
  ["lint", "oxlint", "--type-aware"],
  ["lint of templates", "eslint", "web", "--max-warnings", "0"],
  ["types of protocol and core", "tsc", "-p", "tsconfig.core.json"],
  ["types of the server", "tsc", "-p", "tsconfig.server.json"],
  ["types of the server's tests", "tsc", "-p", "tsconfig.server-test.json"],
  ["types of what runs in Node", "tsc", "-p", "tsconfig.node.json"],
  ["types of the web pages", "svelte-check", "--tsconfig", "web/tsconfig.json", "--fail-on-warnings"],
  ["direction of imports", "depcruise", "--config", ".dependency-cruiser.js", ...listSourceFolders()],
  ["dead code", "knip", "--no-config-hints"],
];

// One after the other: on two cores they would slow each other down until a time limit says what a fault should.
const PROJECTS = ["unit", "workerd", "integration", "e2e"];

/** What chance or a fault brings about is no test of it. */
const RANDOM = /^.test.(faults.|integration.honest-)/;

const passed = [];
const failed = [];
/** Answers, messages and ends of the contract, by name: those in the documents, and those that a test has met. */
const documented = new Set();
const met = new Set();
let args = process.argv.slice(2);
const onlyChecks = take("--checks");
if (take("--long")) process.env.RUNCAST_LONG = "1";
if (take("--faults")) {
  process.env.RUNCAST_FAULT_SECONDS = takeValue("--seconds") ?? "600";
  process.env.RUNCAST_SEED = takeValue("--seed") ?? String(Date.now() % 2 ** 31);
  const isPlanted = take("--planted");
  if (isPlanted) process.env.RUNCAST_PLANTED = "1";
  args = ["--project", "integration", `test/faults/${isPlanted ? "planted-bugs" : "laboratory"}.test.ts`, ...args];
}
// The user's own server.json must not be overwritten, nor its server be written to.
const home = mkdtempSync(join(tmpdir(), "runcast-test-home-"));
process.env.XDG_CONFIG_HOME = home;
delete process.env.RUNCAST_URL;
delete process.env.RUNCAST_TOKEN;

await installWhatIsMissing();
const systemNode = findOnPath("node");
// What is handed out must run on what a user has.
process.env.RUNCAST_SYSTEM_NODE = systemNode;
process.env.PATH = join(ROOT, "node_modules/.bin") + delimiter + process.env.PATH;

if (args.length > 0) {
  findChromium();
  runVitest(args);
} else {
  // Writes the types that the pages are checked against.
  await check("routes of the web pages", "svelte-kit", ["sync"], { cwd: join(ROOT, "web") });
  await checkTwoAtATime(CHECKS);
  if (!onlyChecks) {
    await check("build", projectNode(), ["local/build.ts"]);
    await check(`command line on Node ${versionOf(systemNode)}`, systemNode, ["dist/runcast.mjs", "--help"]);
    await check("deployable", projectNode(), ["deploy/deploy.ts", "--dry-run"], { show: true });
    const hasChromium = findChromium();
    for (const project of PROJECTS) if (project !== "e2e" || hasChromium) runVitest(["--project", project]);
    verdict("every documented answer has been met by a test", findUnmet(documented, met));
  }
}

rmSync(home, { recursive: true, force: true });
if (failed.length > 0) console.log(`\nFailed:\n${failed.map((name) => `  ${name}`).join("\n")}`);
console.log(`\n${passed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 && passed.length > 0 ? 0 : 1;

function take(flag) {
  const index = args.indexOf(flag);
  if (index >= 0) args.splice(index, 1);
  return index >= 0;
}

function takeValue(flag) {
  const index = args.indexOf(flag);
  return index < 0 ? undefined : args.splice(index, 2)[1];
}

function listSourceFolders() {
  return [
    "protocol",
    "core",
    "storage",
    "durable-objects",
    "worker",
    "migrations",
    "client",
    "web/src",
    "local",
    "deploy",
    "test",
    "bench",
  ].filter((folder) => existsSync(join(ROOT, folder)));
}

/** Each keeps one core busy, and none is of another's making. */
async function checkTwoAtATime(checks) {
  const left = [...checks];
  const lane = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [name, program, ...programArgs] = next;
      await check(name, program, programArgs);
    }
  };
  await Promise.all([lane(), lane()]);
}

/** Runs a program whose exit status is the verdict; its output is shown only when it is needed, or is what one wants to know. */
async function check(name, program, programArgs, { cwd = ROOT, show = false } = {}) {
  const startedAt = Date.now();
  const { status, output } = await outcomeOf(program, programArgs, cwd);
  const ok = status === 0;
  (ok ? passed : failed).push(name);
  console.log(`${ok ? "✓" : "✗"} ${name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
  if (!ok) console.log(output);
  else if (show) console.log(`  ${output.trim()}`);
}

/** The exit status, or null for a program that could not be started or was killed, and all that it said. */
function outcomeOf(program, programArgs, cwd) {
  return new Promise((resolve) => {
    const child = spawn(program, programArgs, {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", (error) => resolve({ status: null, output: error.message }));
    child.on("close", (status) => resolve({ status, output }));
  });
}

/** A check that is made here: what it finds are its faults. */
function verdict(name, faults) {
  const ok = faults.length === 0;
  (ok ? passed : failed).push(name);
  console.log(`\n${ok ? "✓" : "✗"} ${name}`);
  for (const fault of faults) console.log(`  ${fault}`);
}

function runVitest(vitestArgs) {
  const report = join(home, "report.json");
  rmSync(report, { force: true });
  console.log();
  const { status } = spawnSync(
    "vitest",
    ["run", ...vitestArgs, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32" },
  );
  const failedBefore = failed.length;
  const { testResults } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : { testResults: [] };
  for (const file of testResults) {
    for (const test of file.assertionResults) {
      const name = `${file.name.slice(ROOT.length)} > ${test.fullName}`;
      for (const what of test.meta.documented ?? []) documented.add(what);
      if (!RANDOM.test(file.name.slice(ROOT.length))) for (const what of test.meta.met ?? []) met.add(what);
      if (test.status === "passed") passed.push(name);
      else failed.push(`${name} (${test.status})`);
    }
    // A file that could not be loaded has no tests to have failed.
    if (file.status === "failed" && file.assertionResults.every((test) => test.status === "passed"))
      failed.push(`${file.name} (${file.message})`);
  }
  // Nothing found, an error outside of any test, or no report at all.
  if (status !== 0 && failed.length === failedBefore)
    failed.push(`vitest ${vitestArgs.join(" ")} (exit code ${status})`);
}

/** Sets CHROMIUM_PATH for the tests that drive a browser. */
function findChromium() {
  const found = [
    process.env.CHROMIUM_PATH,
    ...["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].map(findOnPath),
    playwrightChromium(),
  ].find((path) => path && existsSync(path));
  if (found) {
    process.env.CHROMIUM_PATH = found;
    return true;
  }
  failed.push("browser (none found)");
  console.log(`✗ browser: none found. Any of these gives one:
    apt-get install chromium                      (Debian)
    npx playwright-core install chromium
    CHROMIUM_PATH=/path/to/chromium npm test`);
  return false;
}

function playwrightChromium() {
  const { stdout } = spawnSync(projectNode(), ["--print", "require('playwright-core').chromium.executablePath()"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return stdout.trim();
}

/** Not what npm puts in front: those are the project's own. */
function findOnPath(program) {
  const folders = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.includes(`${sep}node_modules${sep}`));
  return (
    folders.map((folder) => join(folder, program)).find(isExecutable) ??
    (program === "node" ? process.execPath : undefined)
  );
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function versionOf(node) {
  return spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim().slice(1);
}
