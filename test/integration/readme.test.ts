import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { removeServers, ROOT, startServer } from "../support/server-process.ts";

afterAll(removeServers);

const run = promisify(execFile);

/** The shell block of the README that holds `text`. */
function readmeBlock(text: string): string {
  const blocks = [...readFileSync(join(ROOT, "README.md"), "utf8").matchAll(/```sh\n([\s\S]*?)```/g)];
  const block = blocks.map(([, body = ""]) => body).find((body) => body.includes(text));
  if (block === undefined) throw new Error(`the README has no shell block with ${text}`);
  return block;
}

test("the README's HTTP example does what it says, as it is written", async () => {
  const server = await startServer();
  const script = readmeBlock("create a run")
    .replace(".runcast/administrator-token", join(server.data, "administrator-token"))
    .replace("http://127.0.0.1:8787", server.url);
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script]);
  expect(stdout).toContain('"first_sequence":3,"last_sequence":4,"accepted":2');
  expect(stdout.endsWith("first\nsecond\n")).toBe(true);
});

test("the command line that the server hands out runs a command by itself, with nothing installed", async () => {
  const server = await startServer();
  const folder = join(server.home, "elsewhere");
  const script = readmeBlock("runcast.mjs run -- make")
    .replaceAll("http://127.0.0.1:8787", server.url)
    .replace("RUNCAST_TOKEN=…", `RUNCAST_TOKEN=${server.token}`)
    .replace("run -- make", "run --name elsewhere -- echo from elsewhere");
  const { stdout, stderr } = await run("bash", ["-euc", `mkdir -p '${folder}' && cd '${folder}' && ${script}`]);
  expect(stdout).toBe("from elsewhere\n");
  const runId = /\/runs\/([0-9a-f-]{36})/.exec(stderr)?.[1];
  const log = await fetch(`${server.url}/api/runs/${runId}/events?format=text`, {
    headers: { authorization: `Bearer ${server.token}` },
  });
  expect(await log.text()).toBe("from elsewhere\n");
});
