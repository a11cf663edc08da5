import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commandScene } from "../testing/command-scene.ts";

const scene = commandScene();
const SECRET = "s3cr3t-value";
const env = () => scene.env({ DEPLOY_TOKEN: SECRET });
const run = (options: string[], script: string) =>
  scene.commandLine.run(["run", ...options, "--", "sh", "-c", script, "sh", SECRET], env());
const log = () => scene.server.onlyRun.lines.map(({ line }) => line).join("\n");
const events = (...types: string[]) =>
  scene.server.onlyRun.lines.map(({ line }) => JSON.parse(line)).filter(({ type }) => types.includes(type));

test("a secret is shown here and sent nowhere: not in output, name, command, labels, parameters, steps, issues, metrics, failure", async () => {
  const script = `
    echo "token: $1"; printf "\${1%value}"; sleep 0.2; echo value
    printf "waiting \${1%lue}"; sleep 1.6; echo lue
    echo "::group::$1"; echo "::error title=$1::$1"; echo "::metric name=$1 value=1::"; exit 3`;
  const options = ["--label", `k=${SECRET}`, "--param", `p=${SECRET}`, "--param", `q:={"${SECRET}":["${SECRET}"]}`];
  const { code, stdout } = await run([...options, "--step", SECRET], script);
  expect(code).toBe(3);
  expect(stdout.split(SECRET)).toHaveLength(8);
  const { body } = scene.server.onlyRun;
  expect(JSON.stringify(body) + log()).not.toContain("s3cr3t");
  expect(body.name).toMatch(/^sh -c /);
  expect(body.parameters).toEqual({ p: "***", q: { "***": ["***"] } });
  expect(events("step.started").map(({ payload }) => payload.name)).toEqual(["***", "***"]);
  expect(events("run.validation.issue", "metric.recorded")).toHaveLength(2);
  expect(
    events("console.line")
      .slice(0, 4)
      .map(({ payload }) => payload.message),
  ).toEqual(["token: ***", "***", "waiting ", "***"]);
});

test("a secret at the place where a long name or argument is cut does not leave half of itself", async () => {
  for (const before of [195, 190]) {
    const padding = "x".repeat(before);
    await scene.commandLine.run(["run", "--name", `${padding}${SECRET}`, "--", "true", `${padding}${SECRET}`], env());
  }
  for (const { body, lines } of scene.server.runs.values()) {
    expect(JSON.stringify(body) + lines.map(({ line }) => line).join("")).not.toContain("s3c");
  }
});

test("a secret that git tells us is masked as well", async () => {
  const folder = mkdtempSync(join(tmpdir(), "runcast-git-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", folder, "-c", "user.name=n", "-c", "user.email=e@example.org", ...args]);
  try {
    git("init", "--quiet", "--initial-branch", SECRET);
    git("commit", "--quiet", "--allow-empty", "--message", "m");
    await scene.commandLine.run(["run", "--", "true"], { ...env(), GIT_DIR: join(folder, ".git") });
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(events("run.started")[0].payload.git).toMatchObject({ branch: "***" });
});

test("--no-mask sends it as it is; what ::add-mask:: names is masked even so", async () => {
  await run(["--no-mask"], `echo "$1"; echo ::add-mask::other-one; echo other-one`);
  expect(events("console.line").map(({ payload }) => payload.message)).toEqual([SECRET, "***"]);
});

test("piped events are masked, and their numbers keep their digits", async () => {
  const started = scene.commandLine.start(["pipe", "--events"], env());
  started.process.stdin?.end(
    `{"type":"a.b","payload":{"x":"${SECRET}","n":1.50}}\n{"type":"a.b","payload":"${SECRET}"}\n`,
  );
  expect((await started.finished).code).toBe(0);
  expect(log()).not.toContain("s3cr3t");
  expect(log()).toContain('{"x":"***","n":1.5');
  expect(events("console.line")).toHaveLength(1);
});

test("groups and sections are steps, closed at the end as the command ended; --step is around them all", async () => {
  const { code } = await run(
    ["--step", "All"],
    `echo "--- One"; echo "::group::Done"; echo "::endgroup::"; echo "::group::In"; echo text >&2; sleep 0.2; exit 7`,
  );
  expect(code).toBe(7);
  expect(events("step.started").map(({ step, payload }) => [step, payload.name, payload.parent])).toEqual([
    ["all", "All", undefined],
    ["one", "One", "all"],
    ["done", "Done", "one"],
    ["in", "In", "one"],
  ]);
  expect(events("step.completed").map(({ step, payload }) => [step, payload.status, payload.exit_code])).toEqual([
    ["done", "succeeded", undefined],
    ["in", "failed", 7],
    ["one", "failed", 7],
    ["all", "failed", 7],
  ]);
  expect(events("run.completed")).toHaveLength(1);
  expect(scene.server.onlyRun.lines.at(-1)?.type).toBe("run.completed");
});

test("--no-markers leaves them lines; --workflow, --param and --label say what it is a run of", async () => {
  const options = ["--no-markers", "--workflow", "nightly", "--param", "a=1", "--param", "b:=1.5", "--label", "k:v=w"];
  await run(options, `echo "--- One"; echo "::group::In"`);
  expect(events("step.started")).toEqual([]);
  expect(scene.server.onlyRun.body).toMatchObject({
    workflow_id: "nightly",
    parameters: { a: "1", b: 1.5 },
    labels: { k: "v=w" },
  });
});

test("a progress bar is one line in the end, and what it showed meanwhile came now and then", async () => {
  const { stdout } = await run([], `for i in 1 2 3 4 5 6; do printf "\\r$i of 6"; sleep 0.5; done; echo; echo done`);
  expect(stdout).toContain("\r1 of 6\r2 of 6");
  const lines = events("console.line").map(({ payload }) => payload);
  expect(lines.at(-1)).toMatchObject({ message: "done" });
  expect(lines.at(-2).message).toBe("\r\u001B[K6 of 6");
  expect(lines.length).toBeGreaterThan(2);
  expect(lines.length).toBeLessThan(7);
});

test("--json: what Runcast says is one JSON object a line, and the last says how it ended", async () => {
  const { stderr, code } = await scene.commandLine.run(["run", "--json", "--", "sh", "-c", "exit 4"], env());
  const { runId } = scene.server.onlyRun;
  expect(code).toBe(4);
  expect(
    stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { event: "watching", run_id: runId, watch_url: `${scene.server.url}/runs/${runId}` },
    { event: "ended", run_id: runId, status: "failed", exit_code: 4, delivered: true, lines_lost: 0, lines_kept: 0 },
  ]);
  await scene.server.down();
  const away = await scene.commandLine.run(["run", "--json", "--", "echo", "x"], env());
  expect(JSON.parse(away.stderr.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
    delivered: false,
    lines_lost: 0,
    lines_kept: 1,
  });
});
