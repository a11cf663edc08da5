import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { events, WatchRefused } from "./events.ts";
import { NodeWebSocket } from "./node-web-socket.ts";
import { until } from "./testing/until.ts";
import { QUICK, watchedRun } from "./testing/watched-run.ts";
import { watchRun } from "./watch-run.ts";
import { watchWorkspace } from "./watch-workspace.ts";

const on = watchedRun();
const { say, finish, options, collect } = on;

describe("watchRun", () => {
  test("history, then live, then the end: the very lines that are stored", async () => {
    say("one", "two");
    const { watch, lines, states } = collect();
    await until(() => watch.connection.kind === "live");
    await until(() => on.server.acks.length > 0);
    say("three");
    finish();
    expect(await watch.finished).toEqual({
      kind: "ended",
      status: "succeeded",
      lastSequence: 5,
      sha256: on.run.sha256,
    });
    expect(lines.map(({ line }) => line)).toEqual(on.run.lines.map(({ line }) => line));
    expect(states).toEqual(["connecting", "catching_up", "live", "ended"]);
    expect(on.server.acks[0]).toBe(3);
  });

  test("random cuts while lines are written: 1..N once, in order", () =>
    on.expectEachLineOnce({ cut: () => on.server.cutWatchers(), restart: () => on.server.cutWatchers(1012) }));

  test("the server is away for a while: goes on where it was", async () => {
    say("before");
    const { watch, lines } = collect();
    await until(() => watch.connection.kind === "live");
    await on.server.down();
    await until(() => watch.connection.kind === "reconnecting");
    say("meanwhile");
    await on.server.listen();
    finish();
    await watch.finished;
    expect(lines.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  });

  test("duplicates are dropped; a gap is read again, never skipped", async () => {
    say("one");
    const { watch, lines, states } = collect();
    await until(() => watch.connection.kind === "live");
    on.server.broadcast(`${on.run.lines[1]!.line}\n`);
    on.server.broadcast(on.run.lines[1]!.line.replace('"sequence":2', '"sequence":9'));
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
    on.server.broadcast('{"op":"damaged","first":3,"last":4}\n');
    on.server.broadcast(on.run.lines[1]!.line.replace('"sequence":2', '"sequence":5'));
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
    on.server.windowBytes = 64 * 1024;
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
    expect(on.server.acks).toEqual([]);
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
      const hello = { op: "hello", run_id: on.run.runId, status: "running", last_sequence: 1, watcher_id: "w" };
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
    const { watch } = collect({ timing: { ...QUICK, viewEveryMs: 500 } });
    watch.setView(1, 10, true);
    await until(() => on.server.views.length === 1);
    watch.setView(2, 11, true);
    watch.setView(3, 12, false);
    await until(() => on.server.views.length === 2);
    expect(on.server.views[1]).toContain('"first":3');
    on.server.cutWatchers();
    await until(() => on.server.views.length === 3);
    expect(on.server.views[2]).toBe(on.server.views[1]);
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
    on.server.cutWatchers();
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
      if (event.sequence === 2) on.server.cutWatchers();
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
    url: on.server.url,
    workspaceId: "default",
    token: on.server.token,
    webSocket: NodeWebSocket,
    timing: QUICK,
    onHello: () => told.push("hello"),
    onRun: ({ run_id }) => told.push(run_id),
    onRunDeleted: (runId) => told.push(`deleted ${runId}`),
  });
  await until(() => told.length === 2);
  on.server.broadcast(`{"op":"run_deleted","run_id":"${on.run.runId}"}\n{"op":"something_new"}\n`);
  await until(() => told.length === 3);
  on.server.cutWatchers(1012);
  await until(() => told.length === 5);
  expect(told).toEqual(["hello", on.run.runId, `deleted ${on.run.runId}`, "hello", on.run.runId]);
  expect(watch.connection.kind).toBe("live");
  watch.stop();
});
