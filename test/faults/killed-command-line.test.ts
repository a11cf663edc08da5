import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CommandLine } from "../../client/testing/command-line.ts";
import type { Finished } from "../../client/testing/command-line.ts";
import { Api } from "../support/api.ts";
import { ApiSocket } from "../support/api-socket.ts";
import { expectSameEverywhere } from "../support/read-every-way.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher } from "../support/watcher.ts";
import { Random } from "./laboratory/random.ts";

/** The real command line on the real server, and kill -9 to either. RUNCAST_LONG=1 does it ten times as often. */
const KILLS = process.env.RUNCAST_LONG === "1" ? 50 : 5;
const SEED = Number(process.env.RUNCAST_SEED ?? 20_261_121);
const LONG_MS = 60_000 + KILLS * 40_000;

let commandLine: CommandLine;
/** For those who do not kill it. */
let shared: ServerProcess;
const folder = mkdtempSync(join(tmpdir(), "runcast-killed-"));
beforeAll(async () => {
  commandLine = await CommandLine.build();
  // Before the others, so that what has to be built is built once.
  shared = await startServer();
});
afterAll(async () => {
  await removeServers();
  commandLine.remove();
  rmSync(folder, { recursive: true });
});

/** A server, and a folder of spools for it alone. */
class Place {
  readonly api: Api;
  readonly spool: string;
  readonly #environment: Record<string, string>;

  constructor(server: ServerProcess, name: string) {
    this.api = new Api(server.url, server.token);
    this.spool = join(folder, name);
    this.#environment = { RUNCAST_URL: server.url, RUNCAST_TOKEN: server.token, RUNCAST_SPOOL: this.spool };
  }

  start(args: string[]) {
    return commandLine.start(args, this.#environment);
  }

  run(args: string[]): Promise<Finished> {
    return commandLine.run(args, this.#environment);
  }

  /** What is left on disk; nothing at all once everything is delivered. */
  left(): string[] {
    return existsSync(this.spool) ? readdirSync(this.spool) : [];
  }

  /** Whole, on every surface; the messages of its console. */
  async console(runId: string): Promise<string[]> {
    const lines = await expectSameEverywhere(this.api, runId);
    return lines
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === "console.line")
      .map(({ payload }) => payload.message);
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));
const shell = (script: string) => ["run", "--", "sh", "-c", script];

test.concurrent(
  "a server that is away for the whole job: every line and the end are there when it is back",
  { timeout: LONG_MS },
  async () => {
    const server = await startServer();
    const place = new Place(server, "away");
    await server.killGroup();
    const { code, stdout, stderr } = await place.run(shell("seq 1 20000; exit 3"));
    expect(code).toBe(3);
    expect(stdout.split("\n")).toHaveLength(20_001);
    expect(stderr).toContain("20000 lines are not delivered, and kept");
    await server.restart();
    const resumed = await place.run(["resume", "--json"]);
    expect(resumed.code).toBe(0);
    const { run_id, watch_url } = JSON.parse(resumed.stdout);
    expect(watch_url).toContain(run_id);
    expect(await place.console(run_id)).toEqual(numbers(20_000));
    expect(await place.api.run(run_id)).toMatchObject({
      status: "failed",
      exit_code: 3,
      failure: { code: "EXIT_CODE" },
    });
    expect(place.left()).toEqual([]);
  },
);

test.concurrent(
  `a server that is killed ${KILLS} times under a job: the command line delivers every line itself`,
  { timeout: LONG_MS },
  async () => {
    const random = new Random(SEED);
    let server = await startServer();
    const place = new Place(server, "killed-server");
    const stop = join(folder, "stop");
    const job = place.start(shell(`i=0; while [ ! -e ${stop} ]; do i=$((i+1)); echo $i; sleep 0.003; done; exit 4`));
    await job.saw("watch at");
    for (let kill = 0; kill < KILLS; kill += 1) {
      await sleep(random.between(100, 1_500));
      await server.killGroup();
      await sleep(random.between(0, 2_000));
      server = await server.restart();
    }
    writeFileSync(stop, "");
    const { code, stdout, stderr } = await job.finished;
    expect(code).toBe(4);
    const runId = /\/runs\/([0-9a-f-]{36})/.exec(stderr)?.[1] ?? "";
    const shown = stdout.trimEnd().split("\n");
    expect(shown.length).toBeGreaterThan(KILLS * 50);
    expect(await place.console(runId)).toEqual(shown);
    expect(await place.api.run(runId)).toMatchObject({ status: "failed", exit_code: 4 });
    // Downtime of the server is no absence of the producer.
    expect(await place.api.lines(runId, "types=producer.*")).toEqual([]);
    expect(place.left()).toEqual([]);
  },
);

test.concurrent(
  `[APP21] a command line that is killed ${KILLS} times, and resumed: what it had shown is there once, and the end is honest`,
  { timeout: LONG_MS },
  async () => {
    const random = new Random(SEED + 1);
    const place = new Place(shared, "killed");
    const jobs = [
      "i=0; while :; do i=$((i+1)); echo $i; sleep 0.002; done",
      // As fast as it goes: kills meet full batches and backlogs.
      "seq 1 100000000",
    ];
    let delivered = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const job = place.start(shell(jobs[kill % jobs.length] ?? ""));
      // Now and then before it has begun.
      if (kill % 5 !== 0) await waitUntil("it has begun", () => place.left().some((name) => !name.startsWith(".")));
      await sleep(random.between(0, 1_500));
      job.process.kill("SIGKILL");
      const { stdout } = await job.finished;
      const shown = stdout.split("\n").slice(0, -1);
      const [left] = JSON.parse((await place.run(["resume", "--list", "--json"])).stdout);
      // Killed before it had begun: then it had shown nothing.
      if (left === undefined) {
        expect(shown).toEqual([]);
        continue;
      }
      const resumed = await place.run(["resume", "--json"]);
      expect([resumed.code, resumed.stderr]).toEqual([0, ""]);
      const { run_id, status } = JSON.parse(resumed.stdout);
      const console = await place.console(run_id);
      expect(console.length).toBeGreaterThanOrEqual(shown.length);
      // Compared as one text: a difference in a hundred thousand lines is not to be printed.
      expect(console.join("\n") === numbers(console.length).join("\n")).toBe(true);
      expect(status).toBe("failed");
      expect(await place.api.run(run_id)).toMatchObject({ exit_code: null, failure: { code: "PRODUCER_KILLED" } });
      expect(place.left()).toEqual([]);
      delivered += 1;
    }
    expect(delivered).toBeGreaterThanOrEqual(KILLS * 0.8);
  },
);

test.concurrent(
  "a killed command line's run is told to be silent to everyone, and to be back when it is resumed",
  { timeout: LONG_MS },
  async () => {
    const place = new Place(shared, "silent");
    const { api } = place;
    const job = place.start(shell("echo one; sleep 600"));
    await job.saw("watch at");
    const runId = /\/runs\/([0-9a-f-]{36})/.exec(job.stderr)?.[1] ?? "";
    const watcher = new Watcher(api, runId);
    const list = new ApiSocket(api, "/api/workspaces/default/live", { subprotocols: ["runcast.workspace.v1"] });
    await waitUntil("its line is there", () => watcher.lines.some((line) => line.includes('"one"')));
    job.process.kill("SIGKILL");
    await job.finished;
    const toldAs = (stale: boolean) =>
      list.frames.filter(({ op, run }) => op === "run" && isRun(run) && run.run_id === runId && run.stale === stale)
        .length;
    await waitUntil("it is in the list", () => toldAs(false) > 0);
    const awake = toldAs(false);
    // The command line asks for a minute.
    await waitUntil("it is told to be silent", () => watcher.lines.some((line) => line.includes('"producer.lost"')), {
      timeoutMs: 90_000,
    });
    await waitUntil("so it is in the list", () => toldAs(true) > 0);
    expect(await api.run(runId)).toMatchObject({ status: "running", stale: true });
    const { items } = (await api.ask("GET", "/api/workspaces/default/runs?stale=true")).json<{
      items: { run_id: string }[];
    }>();
    expect(items.map(({ run_id }) => run_id)).toContain(runId);

    expect((await place.run(["resume", runId])).code).toBe(0);
    await waitUntil("the end comes", () => watcher.control("end") !== undefined);
    const types = watcher.lines.map((line) => JSON.parse(line).type);
    expect(types).toEqual([
      "run.queued",
      "run.started",
      "console.line",
      "producer.lost",
      "producer.returned",
      "run.completed",
    ]);
    await waitUntil("the list knows", () => toldAs(false) > awake);
    expect(await api.run(runId)).toMatchObject({
      status: "failed",
      stale: false,
      failure: { code: "PRODUCER_KILLED" },
    });
    expect(place.left()).toEqual([]);
    list.close();
    watcher.cut();
  },
);

const isRun = (value: unknown): value is { run_id: string; stale: boolean } =>
  typeof value === "object" && value !== null && "run_id" in value && "stale" in value;
