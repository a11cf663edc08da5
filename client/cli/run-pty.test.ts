import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test, vi } from "vitest";
import { commandScene } from "../testing/command-scene.ts";

const scene = commandScene();
const { env, printed } = scene;
const folder = mkdtempSync(join(tmpdir(), "runcast-pty-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A PATH on which only these programs are. */
function pathWith(name: string, ...programs: string[]): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  for (const program of ["sh", "stty", "sleep", "cat", ...programs]) {
    const found = (process.env["PATH"] ?? "")
      .split(delimiter)
      .map((one) => join(one, program))
      .find((one) => existsSync(one));
    if (found === undefined) throw new Error(`${program} is not installed here`);
    if (!existsSync(join(path, program))) symlinkSync(found, join(path, program));
  }
  return path;
}
const shell = (script: string) => ["run", "--pty", "--", "sh", "-c", script];

describe.each([
  ["python", () => ({})],
  ["script", () => ({ PATH: pathWith("only-script", "script") })],
] as const)("a terminal by %s", (_name, how) => {
  test("is one, of the size that was asked for; exit code and log are right", async () => {
    const script = 'test -t 0 && test -t 1 && test -t 2 && echo "a terminal"; stty size; echo err >&2; exit 5';
    const { code, stdout } = await scene.commandLine.run(shell(script), env({ COLUMNS: "100", LINES: "30", ...how() }));
    expect(code).toBe(5);
    expect(stdout).toBe("a terminal\r\n30 100\r\nerr\r\n");
    expect(printed()).toEqual(["a terminal", "30 100", "err"]);
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: 5 });
  });

  test("ends with 128 + n when a signal ends the command, 127 when there is none", async () => {
    expect((await scene.commandLine.run(shell("kill -9 $$"), env(how()))).code).toBe(137);
    expect((await scene.commandLine.run(["run", "--pty", "--", "no-such-command"], env(how()))).code).toBe(127);
  });

  test("has our input, once, and its end", async () => {
    const started = scene.commandLine.start(["run", "--pty", "--", "cat"], env(how()));
    started.process.stdin?.end("one\ntwo\n");
    const { code } = await started.finished;
    expect(code).toBe(0);
    expect(printed()).toEqual(["one", "two"]);
  });
});

test("input that ends in the middle of a line ends all the same, by Python", async () => {
  const started = scene.commandLine.start(["run", "--pty", "--", "cat"], env());
  started.process.stdin?.end("one\ntwo");
  expect((await started.finished).code).toBe(0);
  expect(printed()).toEqual(["one", "two"]);
});

test("a cancelled command on a terminal ends with all that it started", async () => {
  const started = scene.commandLine.start(shell("echo ready; sleep 60 | sleep 60; echo not reached"), env());
  await started.saw("ready");
  await vi.waitFor(() => scene.server.onlyRun, 10_000);
  scene.server.onlyRun.requestCancel("c1");
  expect((await started.finished).code).toBe(143);
  expect(scene.server.onlyRun.completion).toMatchObject({ status: "cancelled" });
});

test("a command on a terminal gets our signals, and its own code goes through", async () => {
  const started = scene.commandLine.start(
    shell("trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.05; done"),
    env(),
  );
  await started.saw("ready");
  await sleep(100);
  started.process.kill("SIGTERM");
  expect((await started.finished).code).toBe(7);
  // In between a shell may say what became of its children.
  expect([printed().at(0), printed().at(-1)]).toEqual(["ready", "got it"]);
});

test("one that goes on writing when its reader has gone is hung up", async () => {
  const started = scene.commandLine.start(shell("while :; do echo y; done"), env());
  await started.saw("y\r\n");
  started.process.stdout?.destroy();
  expect((await started.finished).code).toBe(129);
});

test("without any way to a terminal that is said, and the command runs on pipes", async () => {
  const { code, stdout, stderr } = await scene.commandLine.run(
    shell("test -t 1 || echo a pipe"),
    env({ PATH: pathWith("nothing") }),
  );
  expect(code).toBe(0);
  expect(stderr).toContain("--pty needs python3, or script of util-linux");
  expect(stdout).toBe("a pipe\n");
});

test("full-screen output: the log holds what was printed, and the end is the program's", async () => {
  // As a full-screen program does: another screen, the cursor all over it, and back.
  const draw =
    'printf "\\033[?1049h\\033[2J\\033[H"; for i in 1 2 3; do printf "\\033[2;4Hframe $i"; sleep 0.1; done; printf "\\033[?1049l"; exit 2';
  const { code, stdout } = await scene.commandLine.run(shell(draw), env());
  expect(code).toBe(2);
  expect(printed().join("")).toBe(stdout);
  expect(stdout).toContain("\u001B[2;4Hframe 3");
});
