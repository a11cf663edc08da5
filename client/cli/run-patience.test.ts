import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CommandLine } from "../testing/command-line.ts";
import { MemoryServer } from "../testing/memory-server.ts";
import { until } from "../testing/until.ts";

// What takes its time, beside one another: each test has a server of its own.
let commandLine: CommandLine;
const servers: MemoryServer[] = [];
beforeAll(async () => {
  commandLine = await CommandLine.build();
});
afterAll(async () => {
  commandLine.remove();
  await Promise.all(servers.map((server) => server.down()));
});

const startServer = async () => {
  const server = await MemoryServer.start();
  servers.push(server);
  return server;
};
const env = (server: MemoryServer) => ({ RUNCAST_URL: server.url, RUNCAST_TOKEN: server.token });
const shell = (script: string) => ["--", "sh", "-c", script];
const printed = (server: MemoryServer) => server.onlyRun.console.map(({ stream, message }) => `${stream}: ${message}`);

describe.concurrent("patience", () => {
  test("a command that will not go is killed 10 s later", async () => {
    const server = await startServer();
    const started = commandLine.start(
      ["run", ...shell("trap '' TERM; echo ready; while :; do sleep 1; done")],
      env(server),
    );
    await started.saw("ready");
    await until(() => server.runs.size === 1);
    server.onlyRun.requestCancel("c1");
    expect((await started.finished).code).toBe(137);
    expect(server.onlyRun.completion).toMatchObject({ status: "cancelled" });
  });

  test("by force, over our head: the command ends as well", async () => {
    const server = await startServer();
    const started = commandLine.start(["run", ...shell("echo ready; sleep 60")], env(server));
    await started.saw("ready");
    await until(() => server.onlyRun.console.length === 1);
    server.onlyRun.complete({
      status: "cancelled",
      exit_code: null,
      failure: null,
      createdAtMs: null,
      source: null,
      step: null,
    });
    const { code, stderr } = await started.finished;
    expect(code).toBe(143);
    expect(stderr).toContain("the run was cancelled");
  });

  test("no server at the start, but later: everything is delivered", async () => {
    const server = await startServer();
    await server.down();
    const started = commandLine.start(["run", ...shell("echo one; sleep 3; echo two")], env(server));
    await started.saw("one");
    await server.listen();
    const { code, stderr } = await started.finished;
    expect(code).toBe(0);
    expect(stderr).toContain("watch at");
    expect(printed(server)).toEqual(["stdout: one", "stdout: two"]);
    expect(server.onlyRun.status).toBe("succeeded");
    const [first] = server.onlyRun.lines.filter(({ type }) => type === "console.line");
    // It says when it was printed, not when it was delivered.
    expect(Date.parse(JSON.parse(first!.line).created_at)).toBeLessThan(Date.parse(server.onlyRun.createdAt));
  });

  test("away in the middle: the command goes on, it is said once, and nothing is missing in the end", async () => {
    const server = await startServer();
    const script = "for i in $(seq 1 40); do echo line $i; sleep 0.1; done; exit 6";
    const started = commandLine.start(["run", ...shell(script)], env(server));
    await started.saw("line 3\n");
    await server.down();
    await started.saw("line 25\n");
    await server.listen();
    const { code, stderr } = await started.finished;
    expect(code).toBe(6);
    expect(stderr.match(/no server answers/g)).toHaveLength(1);
    expect(stderr).toContain("answers again");
    expect(printed(server)).toEqual(Array.from({ length: 40 }, (_, index) => `stdout: line ${index + 1}`));
  });

  test("away at the end: waits, then says how many lines did not get there", async () => {
    const server = await startServer();
    const started = commandLine.start(["run", ...shell("echo one; sleep 1; echo two; echo three")], env(server));
    await started.saw("one");
    await until(() => server.onlyRun.console.length === 1);
    // Stored is not yet answered.
    await sleep(200);
    await server.down();
    const { code, stderr } = await started.finished;
    expect(code).toBe(0);
    expect(stderr).toContain("2 lines are not delivered");
  });

  test("a server that takes its time over the last batch is waited for: nothing is left", async () => {
    const server = await startServer();
    server.faultOf = () => "delay";
    server.delayMs = 11_000;
    const { code, stderr } = await commandLine.run(["run", ...shell("echo one; exit 4")], env(server));
    expect(code).toBe(4);
    expect(stderr).not.toContain("not delivered");
    expect(server.onlyRun.completion).toMatchObject({ exit_code: 4 });
  }, 60_000);

  test("and a Ctrl-C while it waits for the last lines ends the waiting", async () => {
    const server = await startServer();
    const started = commandLine.start(["run", ...shell("echo one; sleep 1; echo two; exit 5")], env(server));
    await started.saw("one");
    await until(() => server.onlyRun.console.length === 1);
    await sleep(200);
    await server.down();
    await started.saw("two");
    await sleep(500);
    const begun = Date.now();
    started.process.kill("SIGINT");
    const { code, stderr } = await started.finished;
    expect(Date.now() - begun).toBeLessThan(5_000);
    expect(code).toBe(5);
    expect(stderr).toContain("1 line is not delivered");
  });
});
