import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCommandLine } from "../../client/bin/bundle.mjs";
import { startRecordingProxy } from "../support/recording-proxy.ts";
import type { RecordingProxy } from "../support/recording-proxy.ts";
import { removeServers, ROOT, startServer } from "../support/server-process.ts";
import type { ServerProcess } from "../support/server-process.ts";

// Real commands, the real server: each ends with the right exit code, and with the right log.
let server: ServerProcess;
let proxy: RecordingProxy;
const folder = mkdtempSync(join(tmpdir(), "runcast-jobs-"));
const path = join(folder, "runcast.mjs");
beforeAll(async () => {
  proxy = await startRecordingProxy();
  // Asked through the proxy, it answers to the proxy's address as well.
  const environment = { RUNCAST_HOSTS: new URL(proxy.url).host };
  [server] = await Promise.all([startServer({ environment }), bundleCommandLine(path)]);
  proxy.leadTo(server.url);
});
afterAll(async () => {
  await proxy.close();
  await removeServers();
  rmSync(folder, { recursive: true });
});

type Ended = { code: number; stdout: Buffer; stderr: string; runId: string };

/** A line for bash, in which `runcast` is the command line. */
async function bash(line: string, environment: Record<string, string> = {}): Promise<Ended> {
  const script = `set -o pipefail; runcast() { "${process.execPath}" "${path}" "$@"; }; ${line}`;
  const { FORCE_COLOR: _force, ...inherited } = process.env;
  const child = spawn("bash", ["-c", script], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...inherited,
      NO_COLOR: "1",
      XDG_STATE_HOME: join(folder, "state"),
      RUNCAST_URL: server.url,
      RUNCAST_TOKEN: server.token,
      ...environment,
    },
  });
  const stdout: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (bytes: Buffer) => stdout.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
  const [code] = await once(child, "close");
  return { code, stdout: Buffer.concat(stdout), stderr, runId: /\/runs\/([0-9a-f-]{36})/.exec(stderr)?.[1] ?? "" };
}

const get = (runId: string, query = "") =>
  fetch(`${server.url}/api/runs/${runId}${query}`, { headers: { authorization: `Bearer ${server.token}` } });
const textOf = async (runId: string) => (await get(runId, "/events?format=text")).text();
const runOf = async (runId: string) => (await get(runId)).json();
const eventsOf = async (runId: string): Promise<{ type: string; payload: Record<string, unknown> }[]> =>
  (await (await get(runId, "/events")).text())
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("a part of Runcast's own tests", async () => {
  const { code, stdout, runId } = await bash(
    `cd "${ROOT}" && runcast run --name tests -- node test/run.mjs --project unit protocol/instant.test.ts`,
  );
  expect(code).toBe(0);
  const text = await textOf(runId);
  const verdict = /^\d+ passed, 0 failed$/m;
  expect(text).toMatch(verdict);
  expect(stdout.toString()).toMatch(verdict);
  expect(await runOf(runId)).toMatchObject({ status: "succeeded", exit_code: 0 });
});

describe("on a terminal", () => {
  const drawn = (text: string) => text.replaceAll(/[\r\n]/g, "").replaceAll("\u001B[K", "");
  test.each([
    ["vim", "vim -u NONE -c 'cquit 3'", 3],
    ["less", "less -E +G log.txt", 0],
    ["top", "top -n 2 -d 0.3", 0],
  ])("%s", async (program, line, expected) => {
    const installed = await bash(`command -v ${program}`);
    // What draws a screen differs between machines; where one is missing, the others show it.
    if (installed.code !== 0) return;
    writeFileSync(join(folder, "log.txt"), Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join(""));
    const { code, stdout, runId } = await bash(`runcast run --pty -- ${line}`, { LINES: "30", COLUMNS: "100" });
    expect(code).toBe(expected);
    const text = await textOf(runId);
    // Whatever it drew is there, and each line ended as a line.
    expect(drawn(text)).toBe(drawn(stdout.toString()));
    expect(await runOf(runId)).toMatchObject({ status: expected === 0 ? "succeeded" : "failed", exit_code: expected });
  });
});

test("`yes | head -1000000`, numbered: a million lines through a pipe arrive, each once and in order", async () => {
  const { code, stdout, runId } = await bash("yes | head -n 1000000 | cat -n | runcast pipe | tail -n 1");
  // `yes` itself ends by SIGPIPE, as always.
  expect([0, 141]).toContain(code);
  expect(stdout.toString()).toBe("1000000\ty\n");
  const text = await textOf(runId);
  const expected = Array.from({ length: 1_000_000 }, (_, index) => `${String(index + 1).padStart(6)}\ty\n`).join("");
  expect(text === expected).toBe(true);
  const summary = await (await get(runId, "/summary")).json();
  expect(summary).toMatchObject({ status: "succeeded", console: { lines: 1_000_000 } });
}, 400_000);

test("a binary: what is no UTF-8 is replaced, what passes through is what came", async () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 2_654_435_761) >>> (index % 24)));
  writeFileSync(join(folder, "binary"), bytes);
  const { code, stdout, runId } = await bash("runcast run -- cat binary");
  expect(code).toBe(0);
  expect(stdout.equals(bytes)).toBe(true);
  const lines = (await eventsOf(runId)).filter(({ type }) => type === "console.line");
  const newlines = bytes.filter((byte) => byte === 0x0a).length;
  expect(lines.filter(({ payload }) => payload["partial"] !== true).length).toBeGreaterThanOrEqual(newlines);
  expect(await runOf(runId)).toMatchObject({ status: "succeeded" });
});

describe("a job that prints events of ours", () => {
  const lines = [
    '{"type":"step.started","step":"s","payload":{"name":"S"}}',
    '{"type":"metric.recorded","payload":{"name":"m"}}',
    '{"type":"run.completed","payload":{"status":"failed","exit_code":9}}',
    "last",
  ];
  const file = join(folder, "events");
  beforeAll(() => writeFileSync(file, lines.map((line) => `${line}\n`).join("")));

  test("run: they are output", async () => {
    const { code, runId } = await bash("runcast run -- cat events");
    expect(code).toBe(0);
    expect(await textOf(runId)).toBe(readFileSync(file, "utf8"));
    expect(await runOf(runId)).toMatchObject({ status: "succeeded", exit_code: 0 });
  });

  test("pipe --events: they are events; a bad one is told and kept", async () => {
    const { code, stderr, runId } = await bash("cat events | runcast pipe --events");
    expect(code).toBe(0);
    expect(stderr).toContain("line 2 is no event that can be stored");
    expect((await eventsOf(runId)).map(({ type }) => type)).toEqual([
      "run.queued",
      "run.started",
      "step.started",
      "console.line",
      "run.validation.issue",
      "console.line",
      "run.completed",
    ]);
    expect(await textOf(runId)).toBe(`${lines[1]}\nlast\n`);
    expect(await runOf(runId)).toMatchObject({ status: "failed", exit_code: 9 });
  });
});

test("one that leaves a daemon behind that keeps its output open", async () => {
  const begun = Date.now();
  const { code, stderr, runId } = await bash("runcast run -- sh -c 'echo begun; (sleep 30; echo late) & exit 4'");
  expect(code).toBe(4);
  expect(Date.now() - begun).toBeLessThan(20_000);
  expect(stderr).toContain("a process left behind keeps the output open");
  expect(await textOf(runId)).toBe("begun\n");
  expect(await runOf(runId)).toMatchObject({ status: "failed", exit_code: 4 });
});

test.each([
  ["not found", "no-such-command", 127, "COMMAND_NOT_FOUND"],
  ["not to be run", "/etc/passwd", 126, "COMMAND_NOT_RUNNABLE"],
  ["killed", "sh -c 'kill -9 $$'", 137, "SIGNAL"],
  ["ended by SIGTERM", "sh -c 'kill $$'", 143, "SIGNAL"],
])("one that is %s", async (_name, command, expected, failure) => {
  const { code, runId } = await bash(`runcast run -- ${command}`);
  expect(code).toBe(expected);
  expect(await runOf(runId)).toMatchObject({ status: "failed", exit_code: expected, failure: { code: failure } });
});

test("a line of 20 MB comes in parts and is whole again in the text", async () => {
  const { code, stdout, runId } = await bash(
    "runcast run -- sh -c 'head -c 20000000 /dev/zero | tr \"\\0\" x; echo; echo end'",
  );
  expect(code).toBe(0);
  expect(stdout.length).toBe(20_000_005);
  const text = await textOf(runId);
  expect(text.length).toBe(20_000_005);
  expect(text.endsWith("x\nend\n")).toBe(true);
});

test("a reader that goes away ends the command as it would without us", async () => {
  const { code, stdout, runId } = await bash("runcast run -- yes | head -n 3");
  expect(stdout.toString()).toBe("y\ny\ny\n");
  expect(code).toBe(141);
  expect(await runOf(runId)).toMatchObject({ status: "failed", exit_code: 141 });
});

test("no byte that leaves the machine holds a secret", async () => {
  const secrets = {
    DEPLOY_TOKEN: "tok-31337-abc",
    db_password: 'p"äss\\wörd',
    SSH_KEY: "-----BEGIN-----\nMIIEsecretline\n-----END-----",
  };
  const job = `
    env; printenv | base64 -w0; echo
    printf "half \${DEPLOY_TOKEN%-abc}"; sleep 1.5; echo "-abc"; printf "err $DEPLOY_TOKEN" >&2
    printf "\\r$DEPLOY_TOKEN 10%%"; sleep 1.5; printf "\\r$DEPLOY_TOKEN 20%%\\n"
    printf '\\033[31mtok-\\033[0m31337-abc\\n'
    echo "::group::$db_password"; echo "--- $DEPLOY_TOKEN"; echo "::error file=$DEPLOY_TOKEN,title=$db_password::$SSH_KEY"
    echo "::metric name=$DEPLOY_TOKEN value=1::"; echo "::add-mask::added-in-the-middle"; echo "now added-in-the-middle"
    head -c 400000 /dev/zero | tr "\\0" x; echo "$DEPLOY_TOKEN"; exit 3`;
  writeFileSync(join(folder, "job.sh"), job);
  const options = `--label "l=$DEPLOY_TOKEN" --param "p=$db_password" --step "$DEPLOY_TOKEN" --name "n $DEPLOY_TOKEN"`;
  const environment = { ...secrets, RUNCAST_URL: proxy.url };
  expect((await bash(`runcast run ${options} -- bash job.sh "$DEPLOY_TOKEN"`, environment)).code).toBe(3);
  expect((await bash(`runcast run -- "$DEPLOY_TOKEN"`, environment)).code).toBe(127);
  expect((await bash(`bash job.sh 2>&1 | runcast pipe ${options}`, environment)).code).toBe(3);
  expect((await bash(`bash job.sh | runcast run --pty -- cat`, environment)).code).toBe(3);
  const event = `{"type":"step.started","step":"'$DEPLOY_TOKEN'","payload":{"name":"tok\\u002d31337-abc","'$DEPLOY_TOKEN'":1}}`;
  expect((await bash(`echo '${event}' | runcast pipe --events`, environment)).code).toBe(0);

  const sent = proxy.sent();
  expect(sent.length).toBeGreaterThan(400_000);
  expect(sent.includes("now ***")).toBe(true);
  // In the header that proves who sends it, and nowhere else.
  const withoutHeader = Buffer.from(sent.toString("latin1").replaceAll(`Bearer ${server.token}`, "Bearer"), "latin1");
  expect(withoutHeader.length).toBeLessThan(sent.length);
  const lines = Object.values(secrets).flatMap((secret) => secret.split("\n"));
  for (const secret of [...lines, "added-in-the-middle", server.token]) {
    const forms = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
    for (const form of forms) expect(withoutHeader.includes(form), form).toBe(false);
  }
  // Nor what base64 makes of it.
  expect(withoutHeader.includes(Buffer.from("tok-31337-abc").toString("base64").slice(0, 12))).toBe(false);
});

test("artifacts are there when the run has ended, under their names", async () => {
  const { code, stderr, runId } = await bash(
    `runcast run --artifact "out/*.txt" --artifact out/page.html -- sh -c 'mkdir out; echo one > out/1.txt; echo "<p>" > out/page.html; exit 2'`,
  );
  expect(code).toBe(2);
  expect(stderr).not.toContain("not uploaded");
  const { items } = await (await get(runId, "/artifacts")).json();
  expect(items).toMatchObject([
    { name: "1.txt", bytes: 4, media_type: "text/plain" },
    { name: "page.html", bytes: 4, media_type: "text/html" },
  ]);
  expect(await (await get(runId, "/artifacts/1.txt")).text()).toBe("one\n");
  expect((await eventsOf(runId)).map(({ type }) => type).slice(-3)).toEqual([
    "artifact.created",
    "artifact.created",
    "run.completed",
  ]);
});

test("a downloaded log is proved whole, and a cut one is not", async () => {
  const { runId } = await bash("runcast run -- seq 100");
  const log = await (await get(runId, "/events?download=true")).text();
  const file = join(folder, "events.ndjson");
  writeFileSync(file, log);
  const whole = await bash(`runcast verify --json events.ndjson`);
  expect(whole.code).toBe(0);
  expect(JSON.parse(whole.stdout.toString())).toMatchObject({
    complete: true,
    events: log.trimEnd().split("\n").length,
  });
  const digest = await promisify(execFile)("sha256sum", [file]);
  expect(JSON.parse(whole.stdout.toString()).sha256).toBe(digest.stdout.split(" ")[0]);
  const asked = await bash(`runcast verify --json ${runId}`);
  expect(asked.code).toBe(0);
  // What the manifest is worth nobody can say who has none, and the server perhaps not yet.
  const seen = (output: Buffer) => ({ ...JSON.parse(output.toString()), manifest: null, signed_by: null });
  expect(seen(asked.stdout)).toEqual(seen(whole.stdout));
  const cut = await bash(`sed 50d events.ndjson | runcast verify -`);
  expect(cut.code).toBe(1);
  expect(cut.stderr).toContain("missing: event 50");
});
