import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { removeServers, spawnStart, startServer, type ServerProcess } from "../support/server-process.ts";

afterEach(removeServers);

describe("npm start", () => {
  let server: ServerProcess;
  beforeEach(async () => {
    server = await startServer();
  });

  const ask = (path: string, token = server.token) =>
    fetch(`${server.url}${path}`, { headers: { Authorization: `Bearer ${token}` } });

  test("says where to sign in, and last that it is ready", async () => {
    const lines = server.output().stdout.trimEnd().split("\n");
    expect(lines.at(-1)).toBe(`ready ${server.url}`);
    expect(lines.join("\n")).toContain(`${server.url}/sign-in#token=${server.token}`);
    expect((await fetch(`${server.url}/api/health`)).status).toBe(200);
    expect((await ask("/api/workspaces")).status).toBe(200);
    expect((await ask("/api/workspaces", server.viewToken)).status).toBe(200);
    expect((await ask("/api/workspaces", "rc_somebody-else")).status).toBe(401);
  });

  test("writes down where it serves for the command line, for this user only", () => {
    const path = join(server.home, "runcast/server.json");
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ url: server.url, token: server.token });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(server.data).mode & 0o777).toBe(0o700);
  });

  test("a second one on the same folder is refused and told the address", async () => {
    const { child, output } = spawnStart({ data: server.data, home: server.home });
    expect(await once(child, "exit")).toEqual([1, null]);
    expect(output().stderr).toContain(server.url);
    expect((await fetch(`${server.url}/api/health`)).status).toBe(200);
  });

  test("a port that is taken is named", async () => {
    const other = spawnStart({
      data: `${server.data}-other`,
      home: server.home,
      port: Number(new URL(server.url).port),
    });
    expect(await once(other.child, "exit")).toEqual([1, null]);
    expect(other.output().stderr).toContain("is in use by another program");
  });

  test("stops on a signal, and a new one goes on where it stopped", async () => {
    expect(await server.stop()).toBe(0);
    const next = await server.restart();
    expect(next.url).toBe(server.url);
    expect(next.token).toBe(server.token);
    expect((await fetch(`${next.url}/api/health`)).status).toBe(200);
  });

  test("killed with -9, alone or with all it started, it neither lives on nor blocks the next", async () => {
    await server.killParent();
    // On the same port, which the runtime of the one before would still hold.
    const second = await server.restart();
    expect((await fetch(`${second.url}/api/health`)).status).toBe(200);
    await second.killGroup();
    const third = await second.restart();
    expect((await fetch(`${third.url}/api/health`)).status).toBe(200);
  });
});

test("the first start of a folder delivers a real run, the build of its own pages", async () => {
  const server = await startServer({ environment: { RUNCAST_FIRST_RUN: "1" } });
  const headers = { Authorization: `Bearer ${server.token}` };
  const readRuns = async (): Promise<{ run_id: string; name: string; status: string }[]> =>
    (await (await fetch(`${server.url}/api/workspaces/default/runs`, { headers })).json()).items;

  await expect
    .poll(async () => (await readRuns()).map(({ name, status }) => ({ name, status })), {
      timeout: 90_000,
      interval: 500,
    })
    .toEqual([{ name: "web build", status: "succeeded" }]);
  const [run] = await readRuns();
  const log = await (
    await fetch(`${server.url}/api/runs/${run?.run_id}/events?format=text&ansi=strip`, { headers })
  ).text();
  expect(log).toContain("vite");

  // Only the first: a restart adds no other.
  await server.stop();
  await server.restart();
  await sleep(1_000);
  expect(await readRuns()).toHaveLength(1);
});
