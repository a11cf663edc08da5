import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as forward, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { watchRun, type WatchedLine } from "../../client/watch-run.ts";
import { shareSnippets } from "../../web/src/lib/run/share-snippets.ts";
import { Api } from "../support/api.ts";
import { HeededWebSocket } from "../support/heed-socket.ts";
import { removeServers, ROOT, startServer, type ServerProcess } from "../support/server-process.ts";

const run = promisify(execFile);
/** What a user has, not what the project brings: `npm test` says which that is. */
const NODE = process.env["RUNCAST_SYSTEM_NODE"] ?? process.execPath;

let server: ServerProcess;
let api: Api;
let folder: string;
let runId: string;

beforeAll(async () => {
  server = await startServer();
  api = new Api(server.url, server.token);
  folder = mkdtempSync(join(tmpdir(), "runcast-sdk-"));
  await shell(`curl -fsSO ${server.url}/runcast-sdk-node.mjs`);
});
afterAll(async () => {
  await removeServers();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  runId = (await api.createRun({ name: "watched" })).run_id;
});

const environment = () => ({
  ...process.env,
  PATH: `${join(NODE, "..")}:${process.env["PATH"] ?? ""}`,
  RUNCAST_URL: server.url,
  RUNCAST_TOKEN: server.token,
});
const shell = (script: string) => run("bash", ["-euo", "pipefail", "-c", script], { cwd: folder, env: environment() });

async function write(...messages: string[]): Promise<void> {
  await api.append(runId, messages.map((message) => `${message}\n`).join(""));
}
const end = () => api.append(runId, '{"type":"run.completed","payload":{"status":"succeeded"}}\n');

/** An example of docs/sdk.md as it stands there, run by its first line's name. */
function example(name: string, ...args: string[]): ReturnType<typeof run> {
  const document = readFileSync(join(ROOT, "docs/sdk.md"), "utf8");
  const code = [...document.matchAll(/```js\n([\s\S]*?)```/g)]
    .map(([, body = ""]) => body)
    .find((body) => body.startsWith(`// ${name}\n`));
  if (code === undefined) throw new Error(`docs/sdk.md has no example ${name}`);
  writeFileSync(join(folder, name), code);
  return run(NODE, [name, ...args], { cwd: folder, env: environment() });
}

describe("the examples of docs/sdk.md do what they say, as they are written", () => {
  test("watch", async () => {
    await write("one");
    const watching = example("watch.mjs", runId);
    let told = "";
    watching.child.stdout?.on("data", (text: string) => (told += text));
    await expect.poll(() => told, { timeout: 20_000 }).toContain("3 console.line\n");
    await write("two");
    await end();
    const { stdout, stderr } = await watching;
    const types = ["run.queued", "run.started", "console.line", "console.line", "run.completed"];
    expect(stdout).toBe(`${types.map((type, index) => `${index + 1} ${type}\n`).join("")}ended succeeded\n`);
    expect(stderr).toMatch(/^connecting\ncatching_up\n(live\n)?ended\n$/);
  });

  test("loop", async () => {
    await write("one", "two");
    await end();
    expect((await example("loop.mjs", runId)).stdout).toBe("one\ntwo\n");
  });

  test("produce", async () => {
    const { stdout } = await example("produce.mjs");
    const [address = "", delivery] = String(stdout).split("\n");
    expect(delivery).toBe("stored 1004");
    const made = address.split("/").at(-1) ?? "";
    expect(address).toBe(`${server.url}/runs/${made}`);
    const { text } = await api.ask("GET", `/api/runs/${made}/events?format=text`);
    expect(text).toBe(Array.from({ length: 1000 }, (_, index) => `row ${index + 1}\n`).join(""));
  });

  test("parameters", async () => {
    expect((await example("parameters.mjs")).stdout).toBe('{"dataset":12345678901234567890}\n');
  });

  test("workspace", async () => {
    const watching = example("workspace.mjs");
    let told = "";
    watching.child.stdout?.on("data", (text: string) => (told += text));
    await expect.poll(() => told, { timeout: 20_000 }).toContain("watched queued\n");
    await end();
    expect((await watching).stdout).toMatch(/watched queued\n[^]*watched succeeded\n/);
  });

  test("abort", async () => {
    await write("one");
    expect((await example("abort.mjs", runId)).stdout).toBe("stopped at 3\n");
  });

  test("errors", async () => {
    expect((await example("errors.mjs")).stdout).toBe("RUN_NOT_FOUND false\n4404\n");
  });
});

test("the declarations beside it are whole: a program is checked against them alone, and a wrong one is refused", async () => {
  await shell(`curl -fsSO ${server.url}/runcast-sdk-node.d.mts && curl -fsSO ${server.url}/runcast-sdk.d.mts`);
  writeFileSync(
    join(folder, "typed.mts"),
    `import { NodeWebSocket, orThrow, RuncastApi, RunProducer, watchRun, type Run, type WatchOutcome } from "./runcast-sdk-node.mjs";
import { watchWorkspace } from "./runcast-sdk.mjs";

const api = new RuncastApi({ url: "http://127.0.0.1:8787", token: "t" });
const run: Run = orThrow(await api.getRun("x"));
const status: "queued" | "building" | "running" | "succeeded" | "failed" | "cancelled" = run.status;
const percent: number | null = run.progress?.percent ?? null;
const watch = watchRun({
  url: "http://127.0.0.1:8787",
  runId: run.run_id,
  webSocket: NodeWebSocket,
  onLines: (lines) => lines.forEach(({ event }) => event.type.toUpperCase()),
});
const outcome: WatchOutcome = await watch.finished;
await new RunProducer({ url: "u", runId: "r" }).end({ status: "failed", exit_code: 1 });
watchWorkspace({ url: "u", workspaceId: "w", onRun: ({ labels }) => labels["a"]?.length, onRunDeleted: () => {} }).stop();
// @ts-expect-error -- a run ends only as one of three.
new RunProducer({ url: "u", runId: "r" }).end({ status: "running" });
// @ts-expect-error -- lines are what a watch is for.
watchRun({ url: "u", runId: "r" });
export { outcome, percent, status };
`,
  );
  const compilerOptions = { strict: true, noEmit: true, target: "es2024", module: "nodenext", lib: ["es2024", "dom"] };
  const settings = { compilerOptions: { ...compilerOptions, types: [] }, files: ["typed.mts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const checked = spawnSync(process.execPath, [compiler, "--project", folder], { encoding: "utf8" });
  expect([checked.status, checked.stdout]).toEqual([0, ""]);
});

describe("the snippets of a run's page", () => {
  const snippet = (id: string) => shareSnippets({ url: server.url, runId }).find((one) => one.id === id)?.text ?? "";

  test("curl and the command line follow the run to its end", async () => {
    await write("one");
    const following = [shell(snippet("curl")), shell(snippet("terminal"))];
    await sleep(500);
    await write("two");
    await end();
    for (const { stdout } of await Promise.all(following)) expect(stdout).toBe("one\ntwo\n");
  });

  test("the SDK's does too", async () => {
    await write("one");
    writeFileSync(join(folder, "snippet.mjs"), snippet("sdk"));
    const following = run(NODE, ["snippet.mjs"], { cwd: folder, env: environment() });
    await sleep(500);
    await write("two");
    await end();
    expect((await following).stdout).toMatch(/^one\ntwo\n\{\s+kind: 'ended'/);
  });

  test("websocat's has the right address, subprotocol and header", () => {
    const [, protocol, header, address] =
      /^websocat -n --protocol (\S+) -H "([^"]+)" "([^"]+)"$/.exec(snippet("websocat")) ?? [];
    expect([protocol, header]).toEqual(["runcast.v1", "Authorization: Bearer $RUNCAST_TOKEN"]);
    expect(address).toBe(`ws://127.0.0.1:${new URL(server.url).port}/api/runs/${runId}/live`);
  });
});

/** A proxy that breaks every upgrade, and, when told to, everything. */
class NoSocketsProxy {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  refusedUpgrades = 0;

  constructor(target: string) {
    this.#server = createServer((incoming, answer) => {
      const asked = forward(
        new URL(incoming.url ?? "/", target),
        { method: incoming.method ?? "GET", headers: { ...incoming.headers, host: new URL(target).host } },
        (response) => {
          answer.writeHead(response.statusCode ?? 502, response.headers);
          response.pipe(answer);
          response.on("error", () => answer.destroy());
        },
      );
      asked.on("error", () => answer.destroy());
      answer.on("close", () => asked.destroy());
      incoming.pipe(asked);
    });
    this.#server.on("upgrade", (_request, socket) => {
      this.refusedUpgrades += 1;
      socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
    });
    this.#server.on("connection", (socket) => {
      this.#connections.add(socket);
      socket.on("close", () => this.#connections.delete(socket));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    // The only address a TCP server has.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }
}

test("behind a proxy that refuses upgrades and cuts its connections, a watch sees the real log, each line once", async () => {
  const proxy = new NoSocketsProxy(server.url);
  const url = await proxy.listen();
  const lines: WatchedLine[] = [];
  const watch = watchRun({
    url,
    runId,
    token: server.token,
    webSocket: HeededWebSocket,
    timing: { firstRetryMs: 10, maxRetryMs: 100 },
    onLines: (some) => void lines.push(...some),
  });
  for (let batch = 0; batch < 40; batch += 1) {
    await write(...Array.from({ length: 50 }, (_, index) => `${batch}.${index} ${"x".repeat(200)}`));
    if (batch % 8 === 7) proxy.cut();
    await sleep(25);
  }
  await end();
  expect(await watch.finished).toMatchObject({ kind: "ended", lastSequence: 2003 });
  expect(watch.transport).toBe("sse");
  expect(proxy.refusedUpgrades).toBeGreaterThanOrEqual(2);
  const { text: stored } = await api.ask("GET", `/api/runs/${runId}/events`);
  expect(lines.map(({ line }) => `${line}\n`).join("")).toBe(stored);
  await proxy.close();
});
