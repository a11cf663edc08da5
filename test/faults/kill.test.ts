import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { Api, consoleLine, ndjson } from "../support/api.ts";
import { NumberedProducer } from "../support/numbered-producer.ts";
import { expectAcknowledged, expectSameEverywhere } from "../support/read-every-way.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { FollowingWatcher } from "../support/watcher.ts";
import { Random } from "./laboratory/random.ts";
import { storedKeys } from "./laboratory/stored-layout.ts";

/** kill -9 to the whole process group of the server, at points that a seed decides. RUNCAST_LONG=1 does it ten times as often. */
const KILLS = process.env.RUNCAST_LONG === "1" ? 50 : 5;
const SEED = Number(process.env.RUNCAST_SEED ?? 20_261_121);
const LONG_MS = KILLS * 30_000;

// They wait more than they work, and each has a server of its own.
afterAll(removeServers);

/** Everything that the server keeps is in SQLite: no kill may leave any of it damaged. */
function expectSoundDatabases(data: string): void {
  const files = globSync("**/*.sqlite", { cwd: data });
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) {
    const database = new DatabaseSync(join(data, file));
    try {
      expect([file, database.prepare("PRAGMA integrity_check").all()]).toEqual([file, [{ integrity_check: "ok" }]]);
    } finally {
      database.close();
    }
  }
}

const keysOf = ({ data }: ServerProcess, runId: string): string[] =>
  storedKeys(data, `workspaces/default/runs/${runId}/`).map(({ key }) => key);

async function killAndRestart(server: ServerProcess): Promise<ServerProcess> {
  await server.killGroup();
  expectSoundDatabases(server.data);
  return server.restart();
}

test.concurrent(
  `[APP14] killed ${KILLS} times while producers write: each acknowledged line once, no watcher misses one`,
  { timeout: LONG_MS },
  async () => {
    const random = new Random(SEED);
    let server = await startServer();
    const api = new Api(server.url, server.token);
    const { run_id } = await api.createRun();
    const watchers = [
      new FollowingWatcher(api, run_id),
      new FollowingWatcher(api, run_id),
      new FollowingWatcher(api, run_id, { ack: 100 }),
    ];
    const producers = Array.from({ length: 4 }, (_, at) => new NumberedProducer(api, run_id, `p${at}`));
    let isWriting = true;
    const writing = Promise.all(
      producers.map(async (producer) => {
        // Now and then a large batch, so that kills meet segments on their way to the archive; rarer the longer it lasts, because the
        // whole log is compared as one text at the end.
        for (let batch = 1; isWriting; batch += 1) {
          await producer.deliver(5, batch % KILLS === 0 ? "x".repeat(60_000) : "");
        }
      }),
    );
    for (let kill = 0; kill < KILLS; kill += 1) {
      await sleep(200 + random.below(1_500));
      server = await killAndRestart(server);
    }
    await sleep(300);
    isWriting = false;
    await writing;
    await api.complete(run_id);
    for (const watcher of watchers) await watcher.ended();

    const lines = await expectSameEverywhere(api, run_id);
    expectAcknowledged(
      lines,
      producers.flatMap(({ acknowledged }) => acknowledged),
    );
    for (const watcher of watchers) expect(watcher.lines).toEqual(lines);
    // Each connection was lost with its server, and each batch that got no answer was sent again.
    expect(watchers.every(({ connections }) => connections > KILLS)).toBe(true);
    expect(producers.some(({ retries }) => retries > 0)).toBe(true);
  },
);

test.concurrent(
  `killed ${KILLS} times while a run is archived: the log is whole, the segments gone, a repeat a duplicate`,
  { timeout: LONG_MS },
  async () => {
    const random = new Random(SEED + 1);
    let server = await startServer();
    const api = new Api(server.url, server.token);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { run_id } = await api.createRun();
      const producer = new NumberedProducer(api, run_id, "p");
      // By turns a log of one put, and one of several parts.
      const batches = kill % 2 === 0 ? 3 : 12;
      for (let batch = 0; batch < batches; batch += 1) await producer.deliver(20, "x".repeat(45_000));
      const end = ndjson([consoleLine("the last"), { type: "run.completed", payload: { status: "succeeded" } }]);
      const numbers = { "producer-id": "p", "producer-epoch": "0", "producer-sequence": String(batches + 1) };
      const ended = await api.append(run_id, end, numbers);
      expect(ended.status).toBe(200);
      await sleep(random.below(300));
      server = await killAndRestart(server);

      // The end was acknowledged: it is there from the first moment on, whether the archive is or not.
      expect(await api.run(run_id)).toMatchObject({
        status: "succeeded",
        last_sequence: ended.json<{ last_sequence: number }>().last_sequence,
      });
      const before = await expectSameEverywhere(api, run_id);
      await waitUntil(
        "the run is archived",
        () =>
          keysOf(server, run_id).join() === "logs/events.ndjson,logs/index.bin,logs/manifest.json,logs/timeline.ndjson",
        { timeoutMs: 30_000 },
      );
      const lines = await expectSameEverywhere(api, run_id);
      expect(lines).toEqual(before);
      expectAcknowledged(lines, producer.acknowledged);
      expect((await api.read(run_id)).headers.get("etag")).toMatch(/^".+"$/);
      const again = await api.append(run_id, end, numbers);
      expect(again.json()).toEqual({ ...ended.json<object>(), duplicate: true });
    }
  },
);

test.concurrent(
  "killed between two appends of one producer, a lease does not run out while the server is down",
  { timeout: LONG_MS },
  async () => {
    const server = await startServer();
    const api = new Api(server.url, server.token);
    const { run_id } = await api.createRun({ lease_seconds: 10 });
    await api.add(run_id, [consoleLine("before")]);
    await server.killGroup();
    await sleep(16_000);
    await server.restart();
    await sleep(2_000);
    expect((await api.run(run_id)).stale).toBe(false);
    await api.add(run_id, [consoleLine("after")]);
    expect(await api.lines(run_id, "types=producer.*")).toEqual([]);
    expect(readFileSync(join(server.data, "administrator-token"), "utf8").trim()).toBe(server.token);
  },
);
