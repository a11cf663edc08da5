import { describe, expect, test, vi } from "vitest";
import { findSystemNode } from "../testing/command-line.ts";
import { commandScene } from "../testing/command-scene.ts";

const scene = commandScene();
const { env } = scene;
const run = (...args: string[]) => scene.commandLine.run(["run", ...args], env());
const shell = (script: string) => ["--", "sh", "-c", script];
const printed = () => scene.server.onlyRun.console.map(({ stream, message }) => `${stream}: ${message}`);

describe("a command that is run", () => {
  test("is shown here as it is, and line by line there", async () => {
    const { code, stdout, stderr } = await run(
      "--name",
      "build",
      "--label",
      "a=b",
      ...shell("echo one; echo two >&2; printf three"),
    );
    expect(code).toBe(0);
    expect(stdout).toBe("one\nthree");
    expect(stderr).toBe(`runcast: watch at ${scene.server.url}/runs/${scene.server.onlyRun.runId}\ntwo\n`);
    expect(printed().toSorted()).toEqual(["stderr: two", "stdout: one", "stdout: three"]);
    const { body, completion, lines } = scene.server.onlyRun;
    expect(body).toMatchObject({ name: "build", labels: { a: "b" }, lease_seconds: 60, end_after_seconds: 86_400 });
    expect(completion).toMatchObject({ status: "succeeded", exit_code: 0, failure: null });
    const started = JSON.parse(lines[1]!.line);
    expect(started).toMatchObject({ type: "run.started", source: "cli" });
    expect(started.payload.command).toEqual(["sh", "-c", "echo one; echo two >&2; printf three"]);
    expect(started.payload).toMatchObject({ host: expect.any(String), pid: expect.any(Number) });
  });

  test("keeps the order of its two outputs as far as pipes allow", async () => {
    await run(...shell("for i in 1 2 3 4 5; do echo out $i; sleep 0.03; echo err $i >&2; sleep 0.03; done"));
    expect(printed()).toEqual([1, 2, 3, 4, 5].flatMap((i) => [`stdout: out ${i}`, `stderr: err ${i}`]));
  });

  test("is never guessed: what looks like an event is a line of output", async () => {
    const line = '{"type":"run.completed","payload":{"status":"failed"}}';
    const { code } = await run("--", "printf", "%s\\n\\n", line);
    expect(code).toBe(0);
    expect(printed()).toEqual([`stdout: ${line}`, "stdout: "]);
    expect(scene.server.onlyRun.status).toBe("succeeded");
  });

  test("may print anything: bytes that are no UTF-8, carriage returns, a line of a megabyte", async () => {
    const script =
      "process.stdout.write(Buffer.from([0x61,0xff,0x0d,0x0a])); process.stdout.write('x'.repeat(1e6) + '\\nend')";
    const { stdout } = await run("--", process.execPath, "-e", script);
    const { console: lines } = scene.server.onlyRun;
    expect(stdout.length).toBe(1_000_000 + 4 + 4);
    expect(lines[0]).toEqual({ stream: "stdout", message: "a\uFFFD" });
    expect(
      lines
        .slice(1, -1)
        .map(({ message }) => message)
        .join(""),
    ).toBe("x".repeat(1_000_000));
    expect(lines.slice(1, -2).every(({ partial }) => partial === true)).toBe(true);
    expect(lines.at(-2)?.partial).toBeUndefined();
    expect(lines.at(-1)).toEqual({ stream: "stdout", message: "end" });
  });

  test("a hundred thousand lines arrive, each once and in order", async () => {
    const { stdout } = await run("--", "seq", "100000");
    expect(stdout.split("\n")).toHaveLength(100_001);
    expect(scene.server.onlyRun.console.map(({ message }) => Number(message))).toEqual(
      Array.from({ length: 100_000 }, (_, index) => index + 1),
    );
  });

  test("reads our input, and has colours and unbuffered Python unless told otherwise", async () => {
    const script = 'read line; echo "$line $FORCE_COLOR $PYTHONUNBUFFERED"';
    const started = scene.commandLine.start(["run", ...shell(script)], env());
    started.process.stdin?.end("typed\n");
    expect((await started.finished).stdout).toBe("typed 1 1\n");
    const plain = await scene.commandLine.run(["run", ...shell('echo "[$FORCE_COLOR]"')], { ...env(), NO_COLOR: "1" });
    expect(plain.stdout).toBe("[]\n");
  });

  test.each([
    ["an exit code", "exit 3", 3, { code: "EXIT_CODE", message: expect.stringContaining("exit code 3") }],
    ["a signal", "kill -9 $$", 137, { code: "SIGNAL", message: expect.stringContaining("SIGKILL") }],
  ])("passes through %s", async (_name, script, expected, failure) => {
    const { code } = await run(...shell(script));
    expect(code).toBe(expected);
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: expected, failure });
  });

  test("that does not exist is 127, and the run says so", async () => {
    const { code, stderr } = await run("--", "no-such-command-here");
    expect(code).toBe(127);
    expect(stderr).toContain("no-such-command-here: command not found");
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", failure: { code: "COMMAND_NOT_FOUND" } });
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("gets our %s", async (signal) => {
    const script = `trap 'echo got it; exit 7' INT TERM HUP; echo ready; while :; do sleep 0.05; done`;
    const started = scene.commandLine.start(["run", ...shell(script)], env());
    await started.saw("ready");
    started.process.kill(signal);
    expect(await started.finished).toMatchObject({ code: 7, stdout: "ready\ngot it\n" });
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: 7 });
  });

  test("does not wait for a process that it left behind", async () => {
    const begun = Date.now();
    const { code, stderr } = await run(...shell("echo done; sleep 60 & exit 4"));
    expect(code).toBe(4);
    expect(stderr).toContain("left behind");
    expect(Date.now() - begun).toBeLessThan(15_000);
    expect(printed()).toEqual(["stdout: done"]);
  });

  test("learns that the reader of its output has gone", async () => {
    const started = scene.commandLine.start(
      ["run", ...shell("trap 'exit 5' PIPE; while :; do echo y || exit 5; done")],
      env(),
    );
    await started.saw("y\n");
    started.process.stdout?.destroy();
    expect((await started.finished).code).toBe(5);
  });
});

describe("a cancelled run", () => {
  test("its whole process group gets SIGTERM, and it ends cancelled", async () => {
    const started = scene.commandLine.start(
      ["run", ...shell("echo ready; sleep 60 | sleep 60; echo not reached")],
      env(),
    );
    await started.saw("ready");
    await vi.waitFor(() => scene.server.onlyRun, 10_000);
    scene.server.onlyRun.requestCancel("c1");
    const { code, stderr } = await started.finished;
    expect(code).toBe(143);
    expect(stderr).toContain("someone cancels the run");
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "cancelled", exit_code: 143 });
    expect(scene.server.onlyRun.control).toEqual([]);
  });
});

describe("watching never fails the job", () => {
  test("no server: the same output and exit code, one line about it, and how much was not delivered", async () => {
    await scene.server.down();
    const { code, stdout, stderr } = await run(...shell("echo out; echo err >&2; exit 3"));
    expect(code).toBe(3);
    expect(stdout).toBe("out\n");
    const lines = stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^runcast: no server answers at .* The command runs unwatched/);
    expect(lines[1]).toBe("err");
    expect(lines[2]).toMatch(/^runcast: .*2 lines are not delivered/);
  });

  test("a wrong token is explained, and the command runs", async () => {
    const { code, stdout, stderr } = await scene.commandLine.run(["run", "--", "echo", "hello"], {
      ...env(),
      RUNCAST_TOKEN: "wrong",
    });
    expect(code).toBe(0);
    expect(stdout).toBe("hello\n");
    expect(stderr).toContain("does not accept the token from RUNCAST_TOKEN");
    expect(stderr).toContain("administrator-token");
  });

  test("nothing known about any server is explained, and the command runs", async () => {
    const { code, stdout, stderr } = await scene.commandLine.run(["run", "--", "echo", "hello"]);
    expect(code).toBe(0);
    expect(stdout).toBe("hello\n");
    expect(stderr).toContain("npm start");
  });

  test("lost answers make neither a second run nor a second line", async () => {
    scene.server.faultOf = (append) => (append % 2 === 1 ? "drop_answer" : "none");
    const { code } = await run(...shell("for i in 1 2 3 4 5 6; do echo $i; sleep 0.15; done"));
    expect(code).toBe(0);
    expect(printed()).toEqual([1, 2, 3, 4, 5, 6].map((i) => `stdout: ${i}`));
  });
});

test("the bundle runs under the system's own Node: 20, the oldest it is for, where that is installed", async () => {
  const node = findSystemNode();
  const { code, stdout } = await scene.commandLine.run(["run", ...shell("echo from twenty; exit 9")], env(), node);
  expect(code).toBe(9);
  expect(stdout).toBe("from twenty\n");
  expect(printed()).toEqual(["stdout: from twenty"]);
  const tail = await scene.commandLine.run(["tail", scene.server.onlyRun.runId], env(), node);
  expect(tail).toMatchObject({ code: 1, stdout: "from twenty\n" });
});
