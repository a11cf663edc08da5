import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CommandLine } from "../testing/command-line.ts";
import { MemoryServer } from "../testing/memory-server.ts";
import { numbers, SpoolFolder } from "../testing/spool-folder.ts";

let commandLine: CommandLine;
let server: MemoryServer;
let spool: SpoolFolder;
beforeAll(async () => {
  commandLine = await CommandLine.build();
});
afterAll(() => commandLine.remove());
let count = 0;
beforeEach(async () => {
  server = await MemoryServer.start();
  mkdirSync(commandLine.stateHome, { recursive: true });
  spool = new SpoolFolder(join(commandLine.stateHome, `spool-${(count += 1)}`));
});
afterEach(() => server.down());

const env = (more: Record<string, string> = {}) => ({
  RUNCAST_URL: server.url,
  RUNCAST_TOKEN: server.token,
  RUNCAST_SPOOL: spool.path,
  ...more,
});
const shell = (script: string) => ["run", "--", "sh", "-c", script];
const runcast = (args: string[], more?: Record<string, string>) => commandLine.run(args, env(more));
const resume = (...args: string[]) => runcast(["resume", ...args]);
const printed = () => server.onlyRun.console.map(({ message }) => message);
describe("the folder", () => {
  test("is for this user alone, and holds no secret", async () => {
    await server.down();
    const secret = { DEPLOY_TOKEN: "correct-horse-battery" };
    const script = 'echo "a $DEPLOY_TOKEN b"; echo "::add-mask::later-secret"; echo later-secret; exit 1';
    await runcast(
      ["run", "--name", `n ${secret.DEPLOY_TOKEN}`, "--param", `p=${secret.DEPLOY_TOKEN}`, "--", "sh", "-c", script],
      secret,
    );
    const modes = [spool.path, join(spool.path, spool.names()[0] ?? ""), ...spool.files()].map((path) =>
      (statSync(path).mode & 0o777).toString(8),
    );
    expect(modes.slice(0, 2)).toEqual(["700", "700"]);
    expect(new Set(modes.slice(2))).toEqual(new Set(["600"]));
    expect(spool.text()).toContain("a *** b");
    for (const one of [secret.DEPLOY_TOKEN, "later-secret", server.token]) expect(spool.text()).not.toContain(one);
  });

  test("cannot be made: that is said, and the command runs and is delivered", async () => {
    writeFileSync(join(commandLine.stateHome, "a-file"), "");
    const { code, stdout, stderr } = await runcast(shell("seq 1 100; exit 6"), {
      RUNCAST_SPOOL: join(commandLine.stateHome, "a-file"),
    });
    expect(code).toBe(6);
    expect(stderr).toContain("lines cannot be kept on disk");
    expect(stdout.split("\n")).toHaveLength(101);
    expect(printed()).toEqual(numbers(1, 100));
  });

  test("is deleted in the middle: the command runs, and is delivered", async () => {
    const started = commandLine.start(shell("echo one; sleep 1; seq 2 100"), env());
    await started.saw("one");
    rmSync(spool.path, { recursive: true });
    expect((await started.finished).code).toBe(0);
    expect(printed().slice(1)).toEqual(numbers(2, 100));
  });

  test("RUNCAST_SPOOL_BYTES=0 keeps nothing on disk; what is no number is told", async () => {
    await server.down();
    const { stderr } = await runcast(shell("echo one"), { RUNCAST_SPOOL_BYTES: "0" });
    expect(stderr).toContain("1 line is not delivered.");
    expect(spool.names()).toEqual([]);
    expect((await runcast(shell("true"), { RUNCAST_SPOOL_BYTES: "1G" })).stderr).toContain(
      "is not a number of bytes: 1G",
    );
  });
});

describe("no more room", () => {
  test("the bound is reached: the command goes on, it is said, and the log says where and how many are missing", async () => {
    await server.down();
    const { code, stdout, stderr } = await runcast(shell("seq 1 2000; exit 5"), { RUNCAST_SPOOL_BYTES: "50000" });
    expect(code).toBe(5);
    expect(stdout.split("\n")).toHaveLength(2_001);
    expect(stderr).toContain("RUNCAST_SPOOL_BYTES allows more");
    const missing = Number(/ (\d+) lines are lost/.exec(stderr)?.[1]);
    await server.listen();
    expect((await resume()).code).toBe(0);
    const kept = printed().slice(0, -1);
    expect(kept).toEqual(numbers(1, 2_000 - missing));
    expect(printed().at(-1)).toBe(
      `[runcast] ${missing} lines are missing here: the server could not be reached for too long`,
    );
    const issue = server.onlyRun.lines.findLast(({ type }) => type === "run.validation.issue");
    expect(JSON.parse(issue?.line ?? "{}").payload).toMatchObject({ severity: "error", code: "LINES_MISSING" });
    expect(server.onlyRun.completion).toMatchObject({ exit_code: 5 });
  });

  /** No file may get larger than this: as a disk that is full, but for this process alone. */
  const withFullDisk = async (script: string, kib = 40) => {
    const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
    const line = [process.execPath, commandLine.path, ...shell(script)].map(quote).join(" ");
    return commandLine.bash(`ulimit -f ${kib}; exec ${line}`, env());
  };

  test("the disk is full, the server is there: every line is delivered, from memory", async () => {
    server.faultOf = (append) => (append < 3 ? "none" : append < 7 ? "unavailable" : "none");
    const { code, stderr } = await withFullDisk("echo begin; sleep 0.5; seq 1 3000; exit 5");
    expect(code).toBe(5);
    expect(stderr).toContain("the spool cannot be written");
    expect(printed()).toEqual(["begin", ...numbers(1, 3_000)]);
    expect(server.onlyRun.completion).toMatchObject({ exit_code: 5 });
    expect(spool.names()).toEqual([]);
  }, 30_000);

  test("the disk is full and the server is away: what is on disk is delivered later, once, with how much is missing", async () => {
    await server.down();
    const { code, stderr } = await withFullDisk("seq 1 100; sleep 0.5; seq 101 3000; exit 5");
    expect(code).toBe(5);
    expect(stderr).toContain("the spool cannot be written");
    await server.listen();
    expect((await resume()).code).toBe(0);
    const kept = printed().filter((line) => !line.startsWith("[runcast]"));
    expect(kept).toEqual(numbers(1, kept.length));
    expect(kept.length).toBeGreaterThanOrEqual(100);
    expect(kept.length).toBeLessThan(3_000);
    expect(server.onlyRun.completion?.status).toBe("failed");
  }, 30_000);
});
