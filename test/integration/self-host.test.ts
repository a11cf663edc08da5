import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { Run } from "../../protocol/api.ts";
import { Api } from "../support/api.ts";
import { heed } from "../support/heed-socket.ts";
import { removeServers, ROOT, startServer } from "../support/server-process.ts";

afterEach(removeServers);

/** Any Node from 20 on, as a machine has it: `npm test` says which that is. */
const NODE = process.env["RUNCAST_SYSTEM_NODE"] ?? process.execPath;

/** Instructions of a Containerfile, comments left out. */
function readContainerfile(): { instruction: string; value: string }[] {
  return readFileSync(join(ROOT, "deploy/Containerfile"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ instruction: line.split(" ")[0] ?? "", value: line.slice(line.indexOf(" ") + 1) }));
}

/**
 * There is no container engine where this is tested, so its steps are done in a folder: what is copied is built and served as the file says. `npm ci` is
 * the one step that is not: the packages that are here already are the ones it would install.
 */
test("the container file's steps make a server that is healthy, stops when told to, and is not healthy then", async () => {
  const folder = mkdtempSync(join(tmpdir(), "runcast-container-"));
  const app = join(folder, "app");
  const ignored = readFileSync(join(ROOT, ".containerignore"), "utf8").split("\n").filter(Boolean);
  let environment: NodeJS.ProcessEnv = {};
  let command: string[] = [];
  let health: string[] = [];
  const run = (program: string, args: string[]) =>
    spawnSync(program, args, { cwd: app, encoding: "utf8", env: { ...process.env, ...environment } });

  for (const { instruction, value } of readContainerfile()) {
    const step = `${instruction} ${value}`;
    if (step === "COPY . .") {
      const filter = (path: string) => !ignored.includes(relative(ROOT, path));
      cpSync(ROOT, app, { recursive: true, filter });
      expect(existsSync(join(app, "node_modules"))).toBe(false);
    } else if (step.startsWith("RUN npm ci")) symlinkSync(join(ROOT, "node_modules"), join(app, "node_modules"));
    else if (step === "RUN npm run build") {
      const built = run("npm", ["run", "build"]);
      expect([built.status, built.stderr]).toEqual([0, expect.stringContaining("Building the worker")]);
    } else if (instruction === "ENV") {
      // The one path outside of the image's folder is its volume.
      const entries = value.split(" ").map((entry): [string, string] => {
        const [name = "", given = ""] = entry.split("=");
        return [name, given.replace(/^\/data/, join(folder, "data"))];
      });
      environment = Object.fromEntries(entries);
    } else if (instruction === "CMD") command = JSON.parse(value);
    else if (instruction === "HEALTHCHECK") health = JSON.parse(value.slice(value.indexOf("[")));
    else expect(step).toMatch(/^(FROM|WORKDIR|USER|VOLUME|EXPOSE|RUN mkdir -p \/data && chown) /);
  }
  expect(environment).toMatchObject({ RUNCAST_LISTEN: "0.0.0.0", PORT: "8787" });
  environment = { ...environment, PORT: "18787", RUNCAST_LISTEN: "127.0.0.1" };
  expect([command[0], health[0]]).toEqual(["node", "node"]);

  const server = spawn(NODE, command.slice(1), {
    cwd: app,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  const errors = text(server.stderr);
  const exited = once(server, "exit");
  let ready = false;
  for await (const line of createInterface(server.stdout)) {
    ready = line === "ready http://127.0.0.1:18787";
    if (ready) break;
  }
  // Built before, so nothing is built at the start.
  const healthy = run(NODE, health.slice(1));
  server.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  expect([ready, await errors]).toEqual([true, expect.not.stringContaining("Building")]);
  expect([healthy.status, healthy.stdout]).toEqual([0, expect.stringMatching(/^ok \d/)]);
  const unhealthy = run(NODE, health.slice(1));
  expect([unhealthy.status, unhealthy.stderr]).toEqual([
    1,
    expect.stringContaining("http://127.0.0.1:18787/api/health"),
  ]);
  rmSync(folder, { recursive: true, force: true });
}, 300_000);

describe("the systemd unit", () => {
  const unit = readFileSync(join(ROOT, "deploy/runcast.service"), "utf8");
  const valueOf = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1] ?? "";

  test("starts what there is, and may write where that writes", () => {
    const home = valueOf("WorkingDirectory");
    const [program, script = ""] = valueOf("ExecStart").split(" ");
    expect(program).toBe("/usr/bin/node");
    expect(existsSync(join(ROOT, relative(home, script)))).toBe(true);
    expect(valueOf("ReadWritePaths").split(" ")).toContain(home);
    const state = `/var/lib/${valueOf("StateDirectory")}/`;
    for (const variable of valueOf("Environment").split(" ")) expect(variable.split("=")[1]).toContain(state);
  });

  test("is one that systemd reads without a complaint, where systemd is", () => {
    const { error, status, stderr } = spawnSync("systemd-analyze", ["verify", join(ROOT, "deploy/runcast.service")], {
      encoding: "utf8",
    });
    if (error !== undefined) {
      // Elsewhere than on a Linux with systemd: its form alone.
      expect(error).toMatchObject({ code: "ENOENT" });
      expect(unit.split("\n").filter((line) => !/^(#.*|\[\w+\]|\w+=.*|)$/.test(line))).toEqual([]);
      return;
    }
    // A unit may name a user that this machine does not have.
    expect([status, stderr]).toEqual([0, ""]);
  });
});

describe("behind a proxy that ends TLS", () => {
  test("people are sent to the public address; its cookie, its origin and its sockets are the page's own", async () => {
    const server = await startServer({ environment: { RUNCAST_PUBLIC_URL: "https://runs.example.com" } });
    expect(server.output().stdout).toContain("Open           https://runs.example.com/sign-in#token=");
    const origin = "https://runs.example.com";
    const signIn = (host: string) =>
      new Promise<{ status: number; cookie: string }>((resolve, reject) => {
        const headers = { host, origin, "content-type": "application/json" };
        const asked = request(`${server.url}/api/session`, { method: "POST", headers }, (answer) => {
          answer.resume();
          resolve({ status: answer.statusCode ?? 0, cookie: answer.headers["set-cookie"]?.[0] ?? "" });
        });
        asked.on("error", reject);
        asked.end(JSON.stringify({ token: server.viewToken }));
      });
    expect((await signIn("runs.other.example")).status).toBe(421);
    const { status, cookie } = await signIn("runs.example.com");
    expect([status, cookie]).toEqual([204, expect.stringContaining("Secure")]);

    const api = new Api(server.url, server.token);
    const run: Run = await api.createRun();
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/api/runs/${run.run_id}/live`, "runcast.v1", {
      headers: { host: "runs.example.com", origin, cookie: cookie.split(";")[0] ?? "" },
    });
    heed(socket);
    const [frame] = await once(socket, "message");
    expect(String(frame)).toContain('"op":"hello"');
    socket.terminate();
  });
});
