import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { draftEvent } from "../../protocol/ndjson.ts";
import { findSystemNode } from "../testing/command-line.ts";
import { commandScene } from "../testing/command-scene.ts";
import type { MemoryRun } from "../testing/memory-run.ts";

const scene = commandScene();
const { env, printed } = scene;
const pipe = (input: string, ...args: string[]) => {
  const started = scene.commandLine.start(["pipe", ...args], env());
  started.process.stdin?.end(input);
  return started.finished;
};
const ending = { exit_code: 0, failure: null, createdAtMs: null, source: null, step: null };
const say = (run: MemoryRun, number: number, ...payloads: Record<string, unknown>[]) =>
  run.append(
    { id: "p", epoch: 0, sequence: number },
    payloads.map((payload) => draftEvent("console.line", null, payload)),
    null,
  );

describe("pipe", () => {
  test("passes its input through, and every line is output", async () => {
    const input = 'one\n{"type":"step.started","payload":{"name":"x"}}\nlast';
    const { code, stdout, stderr } = await pipe(input, "--name", "piped");
    expect(code).toBe(0);
    expect(stdout).toBe(input);
    expect(stderr).toContain("watch at");
    expect(printed()).toEqual(input.split("\n"));
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "succeeded" });
    expect(scene.server.onlyRun.body.name).toBe("piped");
  });

  test("with --events a line may be one; a bad one stays output; a run.completed is the end of the whole", async () => {
    const lines = [
      '{"type":"step.started","step":"a","payload":{"name":"x","big":123456789012345678901234567890}}',
      "plain",
      '{"type":"run.queued"}',
      '{"type":"metric.recorded","payload":{"name":"m"}}',
      '{"type":"run.completed","payload":{"status":"failed","exit_code":4,"failure":{"code":"X","message":"y"}}}',
      "after",
    ];
    const { code, stderr } = await pipe(`${lines.join("\n")}\n`, "--events");
    expect(code).toBe(0);
    const { lines: stored, completion } = scene.server.onlyRun;
    expect(stored.map(({ type }) => type)).toEqual([
      "run.queued",
      "step.started",
      "console.line",
      "console.line",
      "run.validation.issue",
      "console.line",
      "run.validation.issue",
      "console.line",
      "run.completed",
    ]);
    expect(stderr).toContain("line 3 is no event that can be stored, and is kept as output: only the server writes");
    expect(stderr).toContain("line 4 is no event");
    expect(stored[1]?.line).toContain('"big":123456789012345678901234567890');
    expect(printed()).toEqual(["plain", lines[2], lines[3], "after"]);
    expect(completion).toMatchObject({ status: "failed", exit_code: 4, failure: { code: "X" } });
  });

  test("a cancelled one stops reading", async () => {
    const started = scene.commandLine.start(["pipe"], env());
    started.process.stdin?.on("error", () => {});
    started.process.stdin?.write("one\n");
    await started.saw("one\n");
    // The line is shown at once; its run is made beside that.
    await vi.waitFor(() => scene.server.onlyRun, 10_000);
    scene.server.onlyRun.requestCancel("c1");
    started.process.stdin?.write("two\n");
    expect((await started.finished).code).toBe(143);
    expect(scene.server.onlyRun.status).toBe("cancelled");
  });

  test("an interrupted one sends what still comes, and the run has failed", async () => {
    const started = scene.commandLine.start(["pipe"], env());
    started.process.stdin?.write("one\n");
    await started.saw("one\n");
    started.process.kill("SIGINT");
    started.process.stdin?.end("last words\n");
    expect((await started.finished).code).toBe(130);
    expect(printed()).toEqual(["one", "last words"]);
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", failure: { code: "SIGNAL" } });
  });
});

describe("tail", () => {
  test("prints the messages, ANSI kept and long lines whole, until the run ends; 0 when it succeeded", async () => {
    const run = scene.server.addRun();
    say(
      run,
      1,
      { stream: "stdout", message: "\u001B[31mred\u001B[0m" },
      { stream: "stdout", message: "ab", partial: true },
    );
    const started = scene.commandLine.start(["tail", run.runId], env());
    await started.saw("ab");
    say(run, 2, { stream: "stdout", message: "cd" }, { stream: "stderr", message: "oops" });
    scene.server.cutWatchers();
    await started.saw("oops");
    run.complete({ status: "succeeded", ...ending });
    const { code, stdout, stderr } = await started.finished;
    expect(code).toBe(0);
    expect(stdout).toBe("\u001B[31mred\u001B[0m\nabcd\noops\n");
    expect(stderr).toContain("succeeded");
  });

  test("1 when it did not succeed; --after and --json; the page's address names the run as well", async () => {
    const run = scene.server.addRun();
    say(run, 1, { stream: "stdout", message: "one" }, { stream: "stdout", message: "two" });
    run.complete({ status: "failed", ...ending });
    const address = `${scene.server.url}/runs/${run.runId}#L2`;
    expect(await scene.commandLine.run(["tail", "--after", "2", address], env())).toMatchObject({
      code: 1,
      stdout: "two\n",
    });
    const { stdout } = await scene.commandLine.run(["tail", "--json", run.runId], env());
    expect(stdout).toBe(run.lines.map(({ line }) => `${line}\n`).join(""));
  });

  test("a reader that has seen enough ends it quietly", async () => {
    const run = scene.server.addRun();
    const started = scene.commandLine.start(["tail", run.runId], env());
    say(run, 1, { stream: "stdout", message: "one" });
    await started.saw("one");
    started.process.stdout?.destroy();
    say(run, 2, { stream: "stdout", message: "two" });
    expect((await started.finished).stderr).toBe("");
  });
});

describe("list", () => {
  test("shows the runs, or gives them as JSON", async () => {
    const run = scene.server.addRun();
    run.body.name = "a name\u001B[2J";
    const { code, stdout } = await scene.commandLine.run(["list"], env());
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toMatch(/^STATUS +NAME +CREATED +TOOK +RUN$/);
    expect(stdout.split("\n")[1]).toMatch(new RegExp(`^queued +a name \\[2J +.* ${run.runId}$`));
    const json = await scene.commandLine.run(["list", "--json", "--status", "queued"], env());
    expect(JSON.parse(json.stdout)).toMatchObject([{ run_id: run.runId }]);
    const none = await scene.commandLine.run(["list", "--status", "failed"], env());
    expect(none).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining("no runs") });
  });
});

test("the package's bin makes its bundle when there is need, and runs it", async () => {
  const bin = fileURLToPath(new URL("../bin/runcast.mjs", import.meta.url));
  const node = findSystemNode();
  const { stdout } = await promisify(execFile)(node, [bin, "--help"]);
  expect(stdout).toContain("runcast run -- <command>");
});

describe("what goes wrong is said in words", () => {
  const unknownRun = "01890000-0000-7000-8000-000000000000";
  test.each([
    ["nothing", ["--help"], 0, "runcast run -- <command>"],
    ["help about one", ["help", "tail"], 0, "--after"],
    ["an unknown word", ["watch"], 2, 'there is no "runcast watch"'],
    ["an unknown option", ["list", "--all"], 2, "--all"],
    ["no command", ["run", "--name", "x"], 2, "the command is missing"],
    ["a bad label", ["run", "--label", "x", "--", "true"], 2, "key=value"],
    ["a bad number", ["tail", "--after", "x", unknownRun], 2, "--after"],
    ["a bad status", ["list", "--status", "done"], 2, 'no status "done"'],
    ["an unknown run", ["tail", unknownRun], 1, `there is no run ${unknownRun}`],
  ])("%s", async (_name, args, code, words) => {
    const finished = await scene.commandLine.run(args, env());
    expect(finished.code).toBe(code);
    expect(`${finished.stdout}${finished.stderr}`).toContain(words);
  });

  test.each([["tail", unknownRun], ["list"]])(
    "%s: no server, none known, a wrong token, a wrong address",
    async (...args) => {
      expect(await scene.commandLine.run(args)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("no server is known"),
      });
      const wrong = await scene.commandLine.run(args, { ...env(), RUNCAST_TOKEN: "wrong" });
      expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("does not accept the token") });
      const bad = await scene.commandLine.run(args, { RUNCAST_URL: "localhost:1" });
      expect(bad).toMatchObject({ code: 1, stderr: expect.stringContaining("http://") });
      await scene.server.down();
      const away = await scene.commandLine.run(args, env());
      expect(away).toMatchObject({ code: 1, stderr: expect.stringContaining("no server answers at") });
    },
  );
});
