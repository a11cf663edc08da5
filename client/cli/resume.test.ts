import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { spoolScene } from "../testing/command-scene.ts";
import { MemoryServer } from "../testing/memory-server.ts";
import { numbers } from "../testing/spool-folder.ts";
import { until } from "../testing/until.ts";

const scene = spoolScene();
const { env, printed, resume, runcast } = scene;
const shell = (script: string) => ["run", "--", "sh", "-c", script];
const stepOf = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done";

/** Killed in the middle, with the server there or not. */
async function killed() {
  const started = scene.commandLine.start(shell(stepOf), env());
  await started.saw("20\n");
  started.process.kill("SIGKILL");
  await started.finished;
  return started;
}

describe("a server that does not come back in time", () => {
  test("from the start to the end: all is kept, and resume makes the run and delivers it", async () => {
    await scene.server.down();
    const { code, stderr } = await runcast(shell("seq 1 500; echo err >&2; exit 3"));
    expect(code).toBe(3);
    expect(stderr).toContain("501 lines are not delivered, and kept. To deliver them: runcast resume");
    const list = await resume("--list");
    expect(list.stdout).toContain("waits");
    const [waiting] = JSON.parse((await resume("--list", "--json")).stdout);
    expect(waiting).toMatchObject({ run_id: null, url: scene.server.url, pid: null });
    expect(waiting.bytes).toBeGreaterThan(10_000);

    const away = await resume();
    expect(away.code).toBe(1);
    expect(away.stderr).toContain("not delivered, and kept: no server answers");
    await scene.server.listen();
    const delivered = await resume();
    expect(delivered.stderr).toMatch(/seq 1 500.*503 events delivered, failed; watch at http/);
    expect(delivered.code).toBe(0);
    expect(printed().toSorted()).toEqual([...numbers(1, 500), "err"].toSorted());
    expect(scene.server.onlyRun.completion).toMatchObject({
      status: "failed",
      exit_code: 3,
      failure: { code: "EXIT_CODE" },
    });
    expect(scene.spool.names()).toEqual([]);
    expect(await resume()).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing is left") });
  }, 60_000);

  test("--json tells scripts, and --discard deletes what is not wanted", async () => {
    await scene.server.down();
    for (const line of ["one", "two"]) {
      const { stderr } = await runcast(["run", "--json", "--", "echo", line]);
      const ended = stderr.split("\n").find((text) => text.includes('"ended"')) ?? "";
      expect(JSON.parse(ended)).toMatchObject({ run_id: null, delivered: false, lines_lost: 0, lines_kept: 1 });
    }
    await scene.server.listen();
    const [first, second] = JSON.parse((await resume("--list", "--json")).stdout);
    expect((await resume("--discard", first.spool)).code).toBe(0);
    const { stdout, code } = await resume("--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: "delivered",
      spool: second.spool,
      run_id: scene.server.onlyRun.runId,
    });
    expect(printed()).toEqual(["two"]);
    expect(await resume("--discard", first.spool)).toMatchObject({ code: 1 });
  });
});

describe("a command line that is killed", () => {
  test.each([
    ["with a server", () => {}],
    ["whose answers are lost", () => (scene.server.faultOf = (append) => (append % 2 === 0 ? "drop_answer" : "none"))],
    [
      "with a server that does not answer for now",
      () => (scene.server.faultOf = (append) => (append > 1 ? "unavailable" : "none")),
    ],
  ])("%s: what it had shown is in the log once, and the end says what happened", async (_name, prepare) => {
    prepare();
    const { stdout } = await killed();
    const shown = stdout.split("\n").slice(0, -1);
    expect(scene.server.onlyRun.completion).toBeNull();
    scene.server.faultOf = () => "none";
    expect((await resume()).stderr).toContain("delivered, failed; watch at");
    expect(printed().slice(0, shown.length)).toEqual(shown);
    expect(printed()).toEqual(numbers(1, printed().length));
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: null });
    expect(scene.server.onlyRun.completion?.failure).toEqual({
      code: "PRODUCER_KILLED",
      message: "the command line was killed while the command ran: how the command ended is not known",
    });
    expect(scene.spool.names()).toEqual([]);
  });

  test("before the run could be made: it is made once, with what it was to be made with", async () => {
    await scene.server.down();
    await killed();
    await scene.server.listen();
    const { code, stderr } = await resume();
    expect(code).toBe(0);
    expect(stderr).toContain("watch at");
    expect(scene.server.onlyRun.body).toMatchObject({ name: expect.stringContaining("while"), lease_seconds: 60 });
    expect(printed().slice(0, 20)).toEqual(numbers(1, 20));
  });

  test("after its command had ended: the end is the command's", async () => {
    scene.server.faultOf = (append) => (append > 1 ? "unavailable" : "none");
    const started = scene.commandLine.start(shell("echo one; sleep 0.5; echo two; exit 7"), env());
    await started.saw("two");
    await until(() => scene.spool.text().includes("run.completed"));
    started.process.kill("SIGKILL");
    await started.finished;
    scene.server.faultOf = () => "none";
    expect((await resume()).code).toBe(0);
    expect(printed()).toEqual(["one", "two"]);
    expect(scene.server.onlyRun.completion).toMatchObject({
      status: "failed",
      exit_code: 7,
      failure: { code: "EXIT_CODE" },
    });
  });

  const states = ["delivered as it went", "not delivered yet"];
  test.each(states)(
    "[SPL7] with steps open, %s: they end as those of a job that failed, each once, the innermost first",
    async (how) => {
      if (how === "not delivered yet") await scene.server.down();
      const script =
        "echo ::group::Outer; echo ::group::Done; echo ::endgroup::; echo '::group::In it'; echo open; sleep 60";
      const started = scene.commandLine.start(["run", "--step", "Whole", "--", "sh", "-c", script], env());
      await started.saw("open");
      await until(() => scene.spool.text().includes('"open"') || scene.server.runs.size === 1);
      if (how !== "not delivered yet") await until(() => scene.server.onlyRun.console.length > 0);
      started.process.kill("SIGKILL");
      await started.finished;
      if (how === "not delivered yet") await scene.server.listen();
      // Killed over it as well, wherever that is.
      for (let kill = 0; scene.spool.names().length > 0; kill += 1) {
        expect(kill).toBeLessThan(50);
        const resuming = scene.commandLine.start(["resume"], env());
        await Promise.race([resuming.finished, sleep(200 + kill * 40)]);
        resuming.process.kill("SIGKILL");
        await resuming.finished;
      }
      const steps = scene.server.onlyRun.lines
        .filter(({ type }) => type.startsWith("step."))
        .map(({ line }) => JSON.parse(line))
        .map(({ type, step, payload }) => [type, step, payload.status]);
      expect(steps).toEqual([
        ["step.started", "whole", undefined],
        ["step.started", "outer", undefined],
        ["step.started", "done", undefined],
        ["step.completed", "done", "succeeded"],
        ["step.started", "in-it", undefined],
        ["step.completed", "in-it", "failed"],
        ["step.completed", "outer", "failed"],
        ["step.completed", "whole", "failed"],
      ]);
      expect(scene.server.onlyRun.lines.at(-1)?.type).toBe("run.completed");
      expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", failure: { code: "PRODUCER_KILLED" } });
    },
    60_000,
  );

  test("that only read a pipe: the same", async () => {
    const started = scene.commandLine.start(["pipe"], env());
    started.process.stdin?.write("one\ntwo\n");
    await started.saw("two");
    await until(() => scene.server.runs.size === 1);
    started.process.kill("SIGKILL");
    await started.finished;
    expect((await resume()).code).toBe(0);
    expect(printed()).toEqual(["one", "two"]);
    expect(scene.server.onlyRun.completion?.failure?.message).toContain("killed while it read");
  });

  test("[SPL6] resume is killed as well, again and again: every line once all the same", async () => {
    await scene.server.down();
    await runcast(shell("for i in $(seq 1 5000); do echo $i $i $i $i $i $i $i $i $i $i $i $i $i $i $i; done; exit 4"));
    await scene.server.listen();
    scene.server.faultOf = (append) => (append % 3 === 0 ? "drop_answer" : "delay");
    for (let kill = 0; scene.spool.names().length > 0; kill += 1) {
      expect(kill, scene.spool.names().join()).toBeLessThan(100);
      const started = scene.commandLine.start(["resume"], env());
      await Promise.race([started.finished, sleep(150 + kill * 25)]);
      started.process.kill("SIGKILL");
      await started.finished;
    }
    expect(printed().map((line) => line.split(" ")[0])).toEqual(numbers(1, 5_000));
    expect(scene.server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: 4 });
  }, 60_000);
});

test("what cannot be read back while it is resumed: the log says how much is missing, the end is there, and the spool is left alone", async () => {
  await scene.server.down();
  await runcast(shell("for i in $(seq 1 5000); do echo $i $i $i $i $i $i $i $i $i $i $i $i $i $i $i; done; exit 4"));
  await scene.server.listen();
  scene.server.faultOf = () => "unavailable";
  const resuming = scene.commandLine.start(["resume"], env());
  await until(() => scene.server.appends > 1);
  scene.spool.loseLines();
  scene.server.faultOf = () => "none";
  const { code, stderr } = await resuming.finished;
  expect(code).toBe(1);
  const missing = Number(/: (\d+) lines are missing in the log/.exec(stderr)?.[1]);
  expect(missing).toBeGreaterThan(100);
  expect(stderr).toContain("damaged, and left alone");
  const kept = printed().slice(0, -1);
  expect(kept.map((line) => line.split(" ")[0])).toEqual(numbers(1, 5_000 - missing));
  expect(printed().at(-1)).toContain(`${missing} lines are missing here: they could not be read back from the disk`);
  expect(scene.server.onlyRun.completion).toMatchObject({ exit_code: 4 });
  expect(scene.spool.names()).toHaveLength(1);
}, 30_000);

test("[SPL5] what a living process delivers is left alone, and nobody delivers one spool twice", async () => {
  scene.server.faultOf = () => "unavailable";
  const started = scene.commandLine.start(shell("echo one; read line; echo two"), env());
  await started.saw("one");
  await until(() => scene.spool.text().includes('"one"'));
  const busy = await resume();
  expect(busy.code).toBe(1);
  expect(busy.stderr).toContain(`process ${started.process.pid} is at it and is left alone`);
  expect((await resume("--discard")).code).toBe(1);
  expect((await resume("--list")).stdout).toContain(`process ${started.process.pid}`);
  scene.server.faultOf = () => "none";
  started.process.stdin?.end("go\n");
  expect((await started.finished).code).toBe(0);
  expect(printed()).toEqual(["one", "two"]);
  expect(scene.spool.names()).toEqual([]);

  await scene.server.down();
  await runcast(shell("seq 1 300"));
  await scene.server.listen();
  scene.server.runs.clear();
  scene.server.faultOf = () => "delay";
  const both = await Promise.all([resume(), resume(), resume()]);
  expect(both.filter(({ stderr }) => stderr.includes("events delivered"))).toHaveLength(1);
  expect(printed()).toEqual(numbers(1, 300));
}, 30_000);

describe("what cannot be delivered", () => {
  test("a run that was ended meanwhile takes no more lines: they stay, and where is said", async () => {
    scene.server.faultOf = (append) => (append > 1 ? "unavailable" : "none");
    await killed();
    scene.server.faultOf = () => "none";
    const end = {
      status: "cancelled",
      exit_code: null,
      failure: null,
      createdAtMs: null,
      source: null,
      step: null,
    } as const;
    scene.server.onlyRun.complete(end);
    const { code, stderr } = await resume();
    expect(code).toBe(1);
    expect(stderr).toContain("events cannot be delivered");
    expect(stderr).toContain(join(scene.spool.path, scene.spool.names()[0] ?? "none"));
    expect((await resume("--discard", scene.server.onlyRun.runId)).code).toBe(0);
    expect(scene.spool.names()).toEqual([]);
  });

  test("a token that runs out in the middle loses nothing: with a good one resume delivers the rest", async () => {
    const started = scene.commandLine.start(shell("echo one; sleep 1; echo two; exit 2"), env());
    await started.saw("one");
    await until(() => scene.server.runs.size === 1 && scene.server.onlyRun.console.length === 1);
    const { token } = scene.server;
    scene.server.token = "another";
    const { code, stderr } = await started.finished;
    expect(code).toBe(2);
    expect(stderr).toContain("1 line is not delivered, and kept");
    const wrong = await scene.commandLine.run(["resume"], env({ RUNCAST_TOKEN: token }));
    expect(wrong.stderr).toContain("does not accept the token");
    expect((await resume()).code).toBe(0);
    expect(printed()).toEqual(["one", "two"]);
    expect(scene.server.onlyRun.completion).toMatchObject({ exit_code: 2 });
  }, 30_000);

  test("of another server: the token of this one is not sent there", async () => {
    await scene.server.down();
    await runcast(shell("echo one"));
    await scene.server.listen();
    const other = await MemoryServer.start(0, "other");
    const elsewhere = { RUNCAST_URL: other.url, RUNCAST_TOKEN: "other", RUNCAST_SPOOL: scene.spool.path };
    const { code, stderr } = await scene.commandLine.run(["resume"], elsewhere);
    expect(code).toBe(1);
    expect(stderr).toContain(`its server is ${scene.server.url}`);
    expect(scene.server.runs.size + other.runs.size).toBe(0);
    // Asked for by name it goes where this environment says: a server may have moved.
    const [found] = JSON.parse((await resume("--list", "--json")).stdout);
    expect((await scene.commandLine.run(["resume", found.spool], elsewhere)).code).toBe(0);
    expect(other.onlyRun.console).toHaveLength(1);
    await other.down();
  });

  test("what is no spool, or a broken one, is named and left alone", async () => {
    mkdirSync(join(scene.spool.path, "broken"), { recursive: true });
    writeFileSync(join(scene.spool.path, "broken", "note.json"), "{");
    mkdirSync(join(scene.spool.path, ".999999999-abc"));
    const { code, stderr } = await resume();
    expect(code).toBe(1);
    expect(stderr).toContain(`${join(scene.spool.path, "broken")} cannot be read`);
    // Its process was killed before it was a spool.
    expect(scene.spool.names()).toEqual(["broken"]);
  });
});
