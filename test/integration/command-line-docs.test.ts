import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api } from "../support/api.ts";
import { removeServers, ROOT, startServer } from "../support/server-process.ts";
import type { ServerProcess } from "../support/server-process.ts";

const run = promisify(execFile);
const page = readFileSync(join(ROOT, "docs/command-line.md"), "utf8");
const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, body = ""]) => body);

let server: ServerProcess;
let api: Api;
const folder = mkdtempSync(join(tmpdir(), "runcast-docs-"));
beforeAll(async () => {
  server = await startServer();
  api = new Api(server.url, server.token);
  writeFileSync(join(folder, "Makefile"), "all test:\n\t@echo made $@\n");
  mkdirSync(join(folder, "reports"));
  writeFileSync(join(folder, "reports/tests.html"), "<p>all well");
  await shell(`curl -fsSO ${server.url}/runcast.mjs`);
});
afterAll(async () => {
  await removeServers();
  rmSync(folder, { recursive: true });
});

const shell = (script: string) =>
  run("bash", ["-euo", "pipefail", "-c", `runcast() { "${process.execPath}" runcast.mjs "$@"; }\n${script}`], {
    cwd: folder,
    env: {
      ...process.env,
      XDG_STATE_HOME: join(folder, "state"),
      RUNCAST_URL: server.url,
      RUNCAST_TOKEN: server.token,
      NO_COLOR: "1",
    },
  });
/** What a block's one run holds. */
async function logOf(text: string): Promise<string> {
  const block = blocks.find((one) => one.includes(text));
  if (block === undefined) throw new Error(`the page has no block with ${text}`);
  const { stderr } = await shell(block);
  const runId = /\/runs\/([0-9a-f-]{36})/.exec(stderr)?.[1];
  return (await api.ask("GET", `/api/runs/${runId}/events`)).text;
}

// In their order: some read what those before them have made.
describe("docs/command-line.md: every block does its work as it is written", () => {
  test.each(blocks.map((block) => [block.trim().split("\n")[0], block]))("%s", async (_first, block) => {
    await shell(block);
  });
});

test("what the page says of markers is so", async () => {
  const log = await logOf("--- Build");
  expect(log).toContain('"step":"build","payload":{"name":"Build"}');
  expect(log).toContain('"step":"compile","payload":{"name":"Compile","parent":"build"}');
  expect(log).toContain('"severity":"warning","code":"warning","message":"unused variable","file":"main.c","line":7');
  expect(log).toContain('"name":"size","value":51200,"unit":"bytes"');
});

test("what the page says of secrets is so", async () => {
  const log = await logOf("DEPLOY_TOKEN");
  expect(log).toContain('"message":"deploying with ***"');
  expect(log).toContain('"token":"***"');
  expect(log).not.toContain("correct-horse");
});

test("every option is on the page", async () => {
  for (const command of ["run", "pipe", "tail", "list", "verify", "resume"]) {
    const { stdout } = await shell(`runcast ${command} --help`);
    for (const [option] of stdout.matchAll(/--[a-z-]+/g)) {
      if (!["--help", "--follow"].includes(option)) expect(page.includes(option), option).toBe(true);
    }
  }
});
