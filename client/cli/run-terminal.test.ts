import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";
import { commandScene } from "../testing/command-scene.ts";
import { openTerminal } from "../testing/terminal.ts";

// What a person does at a terminal: makes it another size, and presses Ctrl-C.
const scene = commandScene();
const { printed } = scene;
const CTRL_C = "\u0003";
const open = (args: string[], size: [number, number] = [30, 100]) =>
  openTerminal(size, [process.execPath, scene.commandLine.path, ...args], scene.commandLine.environment(scene.env()));
const shell = (script: string) => ["--", "sh", "-c", script];
/** Its command is in a process group of its own, so nothing but us tells it of a Ctrl-C. */
const GROUP = `trap 'echo "shell got it"; exit 130' INT; sh -c 'trap "echo child got it; exit 130" INT; echo ready; while :; do sleep 0.05; done'`;

describe.each([
  ["on a terminal of its own", ["run", "--pty"]],
  ["on pipes", ["run"]],
])("Ctrl-C reaches a command %s", (_name, how) => {
  test("as SIGINT to everything it started; the exit code is 130, and the run ends", async () => {
    const { shown, type } = open([...how, ...shell(GROUP)]);
    await shown.saw("ready");
    type(CTRL_C);
    expect((await shown.finished).code).toBe(130);
    // A terminal shows the key before what it does.
    const lines = printed().map((line) => line.replace("^C", ""));
    expect(lines).toEqual(expect.arrayContaining(["child got it", "shell got it"]));
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: 130 });
  });

  test("and one that does not care for it dies of it: 130, and the log says by what", async () => {
    const { shown, type } = open([...how, ...shell("echo ready; exec sleep 60")]);
    await shown.saw("ready");
    type(CTRL_C);
    expect((await shown.finished).code).toBe(130);
    const failure = { code: "SIGNAL", message: "sh was ended by SIGINT" };
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: 130, failure });
  });
});

test("one that handles it ends as it likes", async () => {
  const { shown, type } = open([
    "run",
    "--pty",
    ...shell("trap 'echo saved; exit 0' INT; echo ready; while :; do sleep 0.05; done"),
  ]);
  await shown.saw("ready");
  type(CTRL_C);
  expect((await shown.finished).code).toBe(0);
  expect(scene.server.onlyRun.completion).toMatchObject({ status: "succeeded", exit_code: 0 });
});

test("Ctrl-C reaches a pipeline: what its producer says on the way out is in the log, and the exit code is 130", async () => {
  const quoted = `"${process.execPath}" "${scene.commandLine.path}"`;
  const script = `sh -c 'trap "echo leaving; exit 1" INT; echo ready; while :; do sleep 0.05; done' | ${quoted} pipe`;
  const environment = scene.commandLine.environment(scene.env());
  const { shown, type } = openTerminal([30, 100], ["bash", "-c", script], environment);
  await shown.saw("ready");
  type(CTRL_C);
  expect((await shown.finished).code).toBe(130);
  expect(printed()).toEqual(["ready", "leaving"]);
  expect(scene.server.onlyRun.completion).toMatchObject({
    status: "failed",
    exit_code: 130,
    failure: { code: "SIGNAL" },
  });
});

test("Ctrl-C before the command is started: it is not, and the run that was made is ended", async () => {
  // What asks for the commit presses it, in the midst of the beginning.
  const folder = join(scene.commandLine.folder, "early");
  mkdirSync(folder);
  writeFileSync(join(folder, "git"), "#!/bin/sh\nkill -INT $PPID; exit 1\n", { mode: 0o755 });
  const path = `${folder}${delimiter}${process.env["PATH"] ?? ""}`;
  const environment = scene.env({ PATH: path });
  const { code, stdout } = await scene.commandLine.run(["run", ...shell("echo not this")], environment);
  expect([code, stdout]).toEqual([130, ""]);
  expect(scene.server.onlyRun.completion).toMatchObject({
    status: "failed",
    exit_code: 130,
    failure: { code: "SIGNAL", message: "ended by SIGINT before the command was started" },
  });
});

describe("a terminal that is made another size", () => {
  test("with --pty the command's is as well, each time, and it is told by SIGWINCH", async () => {
    const script = `trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.05; done`;
    const { shown, type, resize } = open(["run", "--pty", ...shell(script)], [33, 111]);
    await shown.saw("ready");
    expect(shown.stdout).toContain("33 111");
    resize(44, 122);
    await shown.saw("44 122");
    resize(20, 60);
    await shown.saw("20 60");
    type(CTRL_C);
    expect((await shown.finished).code).toBe(130);
    expect(printed().filter((line) => /^\d+ \d+$/.test(line))).toEqual(["33 111", "44 122", "20 60"]);
  });

  test("without it nothing happens to the command", async () => {
    const { shown, resize } = open(["run", ...shell("echo ready; sleep 0.6; echo done")]);
    await shown.saw("ready");
    resize(44, 122);
    expect((await shown.finished).code).toBe(0);
    expect(printed()).toEqual(["ready", "done"]);
  });
});

test("after --pty the terminal is as it was before: lines and echo", async () => {
  const quoted = `"${process.execPath}" "${scene.commandLine.path}"`;
  const script = `stty -a > before; ${quoted} run --pty -- true; stty -a > after; cmp before after && echo "the same"`;
  const environment = scene.commandLine.environment(scene.env());
  const { shown } = openTerminal(
    [30, 100],
    ["bash", "-c", `cd "${scene.commandLine.folder}" && ${script}`],
    environment,
  );
  expect((await shown.finished).stdout).toContain("the same");
});
