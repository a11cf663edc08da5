import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { spoolScene } from "../testing/command-scene.ts";
import { numbers } from "../testing/spool-folder.ts";
import { until } from "../testing/until.ts";

const scene = spoolScene();
const { env, printed, resume, runcast } = scene;
const shell = (script: string) => ["run", "--", "sh", "-c", script];

describe("the folder", () => {
  test("is for this user alone, and holds no secret", async () => {
    await scene.server.down();
    const secret = { DEPLOY_TOKEN: "correct-horse-battery" };
    const script = 'echo "a $DEPLOY_TOKEN b"; echo "::add-mask::later-secret"; echo later-secret; exit 1';
    await runcast(
      ["run", "--name", `n ${secret.DEPLOY_TOKEN}`, "--param", `p=${secret.DEPLOY_TOKEN}`, "--", "sh", "-c", script],
      secret,
    );
    const modes = [scene.spool.path, join(scene.spool.path, scene.spool.names()[0] ?? ""), ...scene.spool.files()].map(
      (path) => (statSync(path).mode & 0o777).toString(8),
    );
    expect(modes.slice(0, 2)).toEqual(["700", "700"]);
    expect(new Set(modes.slice(2))).toEqual(new Set(["600"]));
    expect(scene.spool.text()).toContain("a *** b");
    for (const one of [secret.DEPLOY_TOKEN, "later-secret", scene.server.token])
      expect(scene.spool.text()).not.toContain(one);
  });

  test("cannot be made: that is said, and the command runs and is delivered", async () => {
    writeFileSync(join(scene.commandLine.stateHome, "a-file"), "");
    const { code, stdout, stderr } = await runcast(shell("seq 1 100; exit 6"), {
      RUNCAST_SPOOL: join(scene.commandLine.stateHome, "a-file"),
    });
    expect(code).toBe(6);
    expect(stderr).toContain("lines cannot be kept on disk");
    expect(stdout.split("\n")).toHaveLength(101);
    expect(printed()).toEqual(numbers(1, 100));
  });

  test("is deleted in the middle: the command runs, and is delivered", async () => {
    const started = scene.commandLine.start(shell("echo one; sleep 1; seq 2 100"), env());
    await started.saw("one");
    rmSync(scene.spool.path, { recursive: true });
    expect((await started.finished).code).toBe(0);
    expect(printed().slice(1)).toEqual(numbers(2, 100));
  });

  test("RUNCAST_SPOOL_BYTES=0 keeps nothing on disk; what is no number is told", async () => {
    await scene.server.down();
    const { stderr } = await runcast(shell("echo one"), { RUNCAST_SPOOL_BYTES: "0" });
    expect(stderr).toContain("1 line is not delivered.");
    expect(scene.spool.names()).toEqual([]);
    expect((await runcast(shell("true"), { RUNCAST_SPOOL_BYTES: "1G" })).stderr).toContain(
      "is not a number of bytes: 1G",
    );
  });
});

describe("no more room", () => {
  test("the bound is reached: the command goes on, it is said, and the log says where and how many are missing", async () => {
    await scene.server.down();
    const { code, stdout, stderr } = await runcast(shell("seq 1 2000; exit 5"), { RUNCAST_SPOOL_BYTES: "50000" });
    expect(code).toBe(5);
    expect(stdout.split("\n")).toHaveLength(2_001);
    expect(stderr).toContain("RUNCAST_SPOOL_BYTES allows more");
    const missing = Number(/ (\d+) lines are lost/.exec(stderr)?.[1]);
    await scene.server.listen();
    expect((await resume()).code).toBe(0);
    const kept = printed().slice(0, -1);
    expect(kept).toEqual(numbers(1, 2_000 - missing));
    expect(printed().at(-1)).toBe(
      `[runcast] ${missing} lines are missing here: the server could not be reached for too long`,
    );
    const issue = scene.server.onlyRun.lines.findLast(({ type }) => type === "run.validation.issue");
    expect(JSON.parse(issue?.line ?? "{}").payload).toMatchObject({ severity: "error", code: "LINES_MISSING" });
    expect(scene.server.onlyRun.completion).toMatchObject({ exit_code: 5 });
  });

  /** No file may get larger than this: as a disk that is full, but for this process alone. */
  const withFullDisk = async (script: string, kib = 40) => {
    const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
    const line = [process.execPath, scene.commandLine.path, ...shell(script)].map(quote).join(" ");
    return scene.commandLine.bash(`ulimit -f ${kib}; exec ${line}`, env());
  };

  test("the disk is full, the server is there: every line is delivered, from memory", async () => {
    scene.server.faultOf = (append) => (append < 3 ? "none" : append < 7 ? "unavailable" : "none");
    const { code, stderr } = await withFullDisk("echo begin; sleep 0.5; seq 1 3000; exit 5");
    expect(code).toBe(5);
    expect(stderr).toContain("the spool cannot be written");
    expect(printed()).toEqual(["begin", ...numbers(1, 3_000)]);
    expect(scene.server.onlyRun.completion).toMatchObject({ exit_code: 5 });
    expect(scene.spool.names()).toEqual([]);
  }, 30_000);

  test("the disk is full and the server is away: what is on disk is delivered later, once, with how much is missing", async () => {
    await scene.server.down();
    const { code, stderr } = await withFullDisk("seq 1 100; sleep 0.5; seq 101 3000; exit 5");
    expect(code).toBe(5);
    expect(stderr).toContain("the spool cannot be written");
    await scene.server.listen();
    expect((await resume()).code).toBe(0);
    const kept = printed().filter((line) => !line.startsWith("[runcast]"));
    expect(kept).toEqual(numbers(1, kept.length));
    expect(kept.length).toBeGreaterThanOrEqual(100);
    expect(kept.length).toBeLessThan(3_000);
    expect(scene.server.onlyRun.completion?.status).toBe("failed");
  }, 30_000);
});

describe("[SPL8] what is on disk cannot be read back", () => {
  /** Its first line delivered, the second on its way to a server that is away for now, the others on disk, and the disk has lost them. */
  async function started(script: string) {
    scene.server.faultOf = (append) => (append > 1 ? "unavailable" : "none");
    const began = scene.commandLine.start(shell(`echo 1; sleep 0.3; seq 2 100; read line; ${script}`), env());
    await began.saw("100\n");
    await until(() => scene.server.appends > 2 && scene.spool.text().includes('"100"'));
    scene.spool.loseLines();
    return began;
  }
  const unread = /\[runcast\] (\d+) lines are missing here: they could not be read back from the disk/;

  test("the command goes on and keeps its exit code; the log says in their place how many are missing", async () => {
    const began = await started("seq 101 200; sleep 1; echo last; exit 5");
    began.process.stdin?.write("go\n");
    await began.saw("200\n");
    scene.server.faultOf = () => "none";
    const { code, stdout, stderr } = await began.finished;
    expect(code).toBe(5);
    expect(stdout).toBe([...numbers(1, 200), "last", ""].join("\n"));
    const gap = printed().findIndex((line) => unread.test(line));
    const missing = Number(unread.exec(printed()[gap] ?? "")?.[1]);
    expect(printed().slice(0, gap)).toEqual(numbers(1, gap));
    expect([...numbers(gap + missing + 1, 200), "last"]).toEqual(printed().slice(gap + 1));
    expect(stderr.split("the spool cannot be read")).toHaveLength(2);
    expect(stderr).toContain(`${missing} lines are missing from the log.`);
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: 5 });
    expect(scene.spool.names()).toEqual([]);
  }, 30_000);

  test("the end of the run is not lost with them", async () => {
    const began = await started("exit 5");
    began.process.stdin?.write("go\n");
    await until(() => scene.spool.text().includes("run.completed"));
    scene.server.faultOf = () => "none";
    expect((await began.finished).code).toBe(5);
    expect(unread.test(printed().at(-1) ?? "")).toBe(true);
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: 5 });
    expect(scene.spool.names()).toEqual([]);
  }, 30_000);
});
