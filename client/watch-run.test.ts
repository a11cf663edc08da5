import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { draftEvent } from "../protocol/ndjson.ts";
import { events, WatchRefused } from "./events.ts";
import { NodeWebSocket } from "./node-web-socket.ts";
import type { MemoryRun } from "./testing/memory-run.ts";
import { MemoryServer } from "./testing/memory-server.ts";
import { watchRun } from "./watch-run.ts";
import type { WatchedLine, WatchRunOptions } from "./watch-run.ts";
import { watchWorkspace } from "./watch-workspace.ts";

const QUICK = { firstRetryMs: 5, maxRetryMs: 40, ackWithinMs: 20 };
let server: MemoryServer;
let run: MemoryRun;
let batch = 0;

beforeEach(async () => {
  server = await MemoryServer.start();
  run = server.addRun();
  batch = 0;
});
afterEach(() => server.down());

const say = (...messages: string[]) => {
  batch += 1;
  run.append(
    { id: "p", epoch: 0, sequence: batch },
    messages.map((message) => draftEvent("console.line", null, { stream: "stdout", message })),
    null,
  );
};
const finish = () =>
  run.complete({ status: "succeeded", exit_code: 0, failure: null, createdAtMs: null, source: null, step: null });
const options = (more: Partial<WatchRunOptions> = {}): WatchRunOptions => ({
  url: server.url,
  runId: run.runId,
  token: server.token,
  webSocket: NodeWebSocket,
  timing: QUICK,
  onLines: () => {},
  ...more,
});
const collect = (more: Partial<WatchRunOptions> = {}) => {
  const lines: WatchedLine[] = [];
  const states: string[] = [];
  const watch = watchRun(
    options({
      onLines: (some) => void lines.push(...some),
      onState: ({ kind }) => states.push(kind),
      ...more,
    }),
  );
  return { watch, lines, states };
};
const until = async (condition: () => boolean) => {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 400) throw new Error("it did not come about");
    await sleep(5);
  }
};

describe("watchRun", () => {
  test("history, then live, then the end: the very lines that are stored", async () => {
    say("one", "two");
    const { watch, lines, states } = collect();
    await until(() => watch.connection.kind === "live");
    await until(() => server.acks.length > 0);
    say("three");
    finish();
    expect(await watch.finished).toEqual({ kind: "ended", status: "succeeded", lastSequence: 5, sha256: run.sha256 });
    expect(lines.map(({ line }) => line)).toEqual(run.lines.map(({ line }) => line));
    expect(states).toEqual(["connecting", "catching_up", "live", "ended"]);
    expect(server.acks[0]).toBe(3);
  });

  test("random cuts while lines are written: 1..N once, in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("say", "say", "cut", "restart", "slow", "pause"), { minLength: 5, maxLength: 40 }),
        async (steps) => {
          run = server.addRun();
          batch = 0;
          let slow = false;
          const sequences: number[] = [];
          const { watch } = collect({
            onLines: async (lines) => {
              if (slow) await sleep(3);
              sequences.push(...lines.map(({ sequence }) => sequence));
            },
          });
          for (const one of steps) {
            if (one === "say") say("x".repeat(100), "y");
            if (one === "cut") server.cutWatchers();
            if (one === "restart") server.cutWatchers(1012);
            if (one === "slow") slow = !slow;
            if (one === "pause") await sleep(4);
          }
          finish();
          await watch.finished;
          expect(sequences).toEqual(run.lines.map(({ sequence }) => sequence));
        },
      ),
      { numRuns: 40 },
    );
  });

  test("the server is away for a while: goes on where it was", async () => {
    say("before");
    const { watch, lines } = collect();
    await until(() => watch.connection.kind === "live");
    await server.down();
    await until(() => watch.connection.kind === "reconnecting");
    say("meanwhile");
    await server.listen();
    finish();
    await watch.finished;
    expect(lines.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  });

  test("duplicates are dropped; a gap is read again, never skipped", async () => {
    say("one");
    const { watch, lines, states } = collect();
    await until(() => watch.connection.kind === "live");
    server.broadcast(`${run.lines[1]!.line}\n`);
    server.broadcast(run.lines[1]!.line.replace('"sequence":2', '"sequence":9'));
    await until(() => states.includes("reconnecting"));
    await until(() => watch.connection.kind === "live");
    say("two");
    finish();
    await watch.finished;
    expect(lines.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  });

  test("damage is told and passed over", async () => {
    say("one");
    const damaged: unknown[] = [];
    const { watch, lines } = collect({ onDamaged: (range) => damaged.push(range) });
    await until(() => watch.connection.kind === "live");
    server.broadcast('{"op":"damaged","first":3,"last":4}\n');
    server.broadcast(run.lines[1]!.line.replace('"sequence":2', '"sequence":5'));
    await until(() => lines.length === 3);
    expect(damaged).toEqual([{ first: 3, last: 4 }]);
    expect(watch.sequence).toBe(5);
    watch.stop();
    expect(await watch.finished).toEqual({ kind: "stopped" });
  });

  test("with types, what does not match is not missing", async () => {
    say("one", "two");
    const { watch, lines } = collect({ types: ["run.*"] });
    await until(() => watch.connection.kind === "live");
    expect(watch.sequence).toBe(3);
    say("three");
    finish();
    await watch.finished;
    expect(lines.map(({ event }) => event.type)).toEqual(["run.queued", "run.completed"]);
  });

  test("a slow watcher holds back its acknowledgements, and with them the server", async () => {
    server.windowBytes = 64 * 1024;
    for (let index = 0; index < 20; index += 1) say("z".repeat(30_000));
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    let received = 0;
    const watch = watchRun(
      options({
        onLines: (lines) => {
          received += lines.length;
          return gate;
        },
      }),
    );
    await sleep(100);
    expect(received).toBeLessThan(5);
    expect(server.acks).toEqual([]);
    release();
    finish();
    await watch.finished;
    expect(received).toBe(22);
  });

  test.each([
    ["a wrong token", { token: "wrong" }, 4401],
    ["an unknown run", { runId: "01890000-0000-7000-8000-000000000000" }, 4404],
  ])("%s is refused once and for all", async (_name, more, code) => {
    const { watch } = collect(more);
    expect(await watch.finished).toMatchObject({ kind: "refused", code });
  });

  test("answered pings keep a quiet connection; without an answer it is given up, and a new one made", async () => {
    const timing = { ...QUICK, pingEveryMs: 30, pongWithinMs: 20 };
    const { watch, states } = collect({ timing });
    await until(() => watch.connection.kind === "live");
    await sleep(120);
    expect(states).toEqual(["connecting", "catching_up", "live"]);
    watch.stop();

    // It says hello and never another word, as a connection whose network is gone.
    const silent = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    let connections = 0;
    silent.on("connection", (socket) => {
      connections += 1;
      const hello = { op: "hello", run_id: run.runId, status: "running", last_sequence: 1, watcher_id: "w" };
      socket.send(JSON.stringify(hello));
    });
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const mute = collect({ timing, url: `http://127.0.0.1:${port}` });
    await until(() => connections === 2);
    expect(mute.states.slice(0, 3)).toEqual(["connecting", "catching_up", "reconnecting"]);
    mute.watch.stop();
    silent.close();
  });

  test("says where it looks, at most once in its span, and again after a reconnect", async () => {
    const { watch } = collect({ timing: { ...QUICK, viewEveryMs: 50 } });
    watch.setView(1, 10, true);
    await until(() => server.views.length === 1);
    watch.setView(2, 11, true);
    watch.setView(3, 12, false);
    await until(() => server.views.length === 2);
    expect(server.views[1]).toContain('"first":3');
    server.cutWatchers();
    await until(() => server.views.length === 3);
    expect(server.views[2]).toBe(server.views[1]);
    watch.stop();
  });

  test("what a callback throws ends the watch and is told", async () => {
    const { watch } = collect({
      onLines: () => {
        throw new Error("mine");
      },
    });
    await expect(watch.finished).rejects.toThrow("mine");
    expect(watch.connection.kind).toBe("stopped");
  });

  test("with stay the socket outlives the end, and the end is told once", async () => {
    const ends: unknown[] = [];
    const attached: boolean[] = [];
    const { watch } = collect({
      stay: true,
      onEnd: (end) => ends.push(end),
      onState: (connection) => connection.kind === "ended" && attached.push(connection.attached),
    });
    finish();
    await until(() => attached.at(-1) === true);
    server.cutWatchers();
    await until(() => attached.includes(false) && attached.at(-1) === true);
    expect(ends).toHaveLength(1);
    watch.stop();
  });
});

describe("events", () => {
  test("is a loop over the log that survives cuts", async () => {
    say("one", "two");
    const sequences: number[] = [];
    const { onLines: _, ...rest } = options();
    for await (const event of events(rest)) {
      sequences.push(event.sequence);
      if (event.sequence === 2) server.cutWatchers();
      if (event.sequence === 3) finish();
    }
    expect(sequences).toEqual([1, 2, 3, 4]);
  });

  test("throws what it was refused with", async () => {
    const { onLines: _, ...rest } = options({ token: "wrong" });
    await expect(events(rest).next()).rejects.toThrow(WatchRefused);
  });

  test("leaving the loop closes the connection; an abort ends it", async () => {
    const { onLines: _, ...rest } = options();
    for await (const event of events(rest)) {
      expect(event.type).toBe("run.queued");
      break;
    }
    const controller = new AbortController();
    const seen: string[] = [];
    for await (const event of events({ ...rest, signal: controller.signal })) {
      seen.push(event.type);
      controller.abort();
    }
    expect(seen).toEqual(["run.queued"]);
  });
});

test("watchWorkspace: open runs after every connection", async () => {
  const told: string[] = [];
  const watch = watchWorkspace({
    url: server.url,
    workspaceId: "default",
    token: server.token,
    webSocket: NodeWebSocket,
    timing: QUICK,
    onHello: () => told.push("hello"),
    onRun: ({ run_id }) => told.push(run_id),
    onRunDeleted: (runId) => told.push(`deleted ${runId}`),
  });
  await until(() => told.length === 2);
  server.broadcast(`{"op":"run_deleted","run_id":"${run.runId}"}\n{"op":"something_new"}\n`);
  await until(() => told.length === 3);
  server.cutWatchers(1012);
  await until(() => told.length === 5);
  expect(told).toEqual(["hello", run.runId, `deleted ${run.runId}`, "hello", run.runId]);
  expect(watch.connection.kind).toBe("live");
  watch.stop();
});
