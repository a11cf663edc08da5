import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { indexed } from "../storage/run-index.contract.ts";
import type { StoredRun } from "../core/ports.ts";
import { listen, type Heard } from "../test/workerd/api.ts";
import { EXPIRES_AT_HEADER } from "../worker/env.ts";
import { workspaceObject } from "../worker/objects.ts";

const ID = (n: number): string => `0194a8e0-0000-7000-8000-${String(n).padStart(12, "0")}`;
const run = (n: number, over: Partial<StoredRun> = {}): StoredRun =>
  indexed({ run_id: ID(n), status: "running", ...over }).run;

/** A workspace of its own for each test, and a way to look on. */
function workspace() {
  const name = crypto.randomUUID();
  const object = workspaceObject(env, name);
  const watch = async (headers: Record<string, string> = {}): Promise<Heard> =>
    listen(
      await object.fetch(
        new Request("https://runcast.example/api/workspaces/x/live", {
          headers: { upgrade: "websocket", "sec-websocket-protocol": "runcast.workspace.v1", ...headers },
        }),
      ),
      "/api/workspaces/x/live",
    );
  return { name, object, watch, evict: () => evictDurableObject(env.WORKSPACES.getByName(name)) };
}

const heard = (socket: Heard): string[] =>
  socket.frames.map((frame) => {
    const told = frame["run"] as StoredRun | undefined;
    return told === undefined ? String(frame["op"]) : `${told.run_id.slice(-1)} ${told.status} ${told.last_sequence}`;
  });

test("a socket gets hello, the open runs, then every change", async () => {
  const { name, object, watch } = workspace();
  await object.publish(run(1), 1);
  await object.publish(run(2), 1);
  await object.publish(run(2, { status: "succeeded" }), 2);
  const socket = await watch();
  await object.publish(run(3, { status: "queued" }), 1);
  await object.publish(run(3, { status: "failed" }), 2);
  await object.remove(ID(3));
  await vi.waitFor(
    () => expect(heard(socket)).toEqual(["hello", "1 running 1", "3 queued 1", "3 failed 1", "run_deleted"]),
    10_000,
  );
  expect(socket.frames[0]).toEqual({ op: "hello", workspace_id: name });
  expect(socket.frames[1]).toEqual({
    op: "run",
    run: { ...run(1), parameters: {}, watch_url: `https://runcast.example/runs/${ID(1)}` },
  });
});

test("a word that comes late changes nothing, also after the end", async () => {
  const { object, watch, evict } = workspace();
  await object.publish(run(1, { last_sequence: 5 }), 3);
  await object.publish(run(1, { last_sequence: 4 }), 3);
  await object.publish(run(1, { status: "queued" }), 2);
  expect(await object.liveRuns([ID(1), ID(2)])).toEqual([{ run: run(1, { last_sequence: 5 }), revision: 3 }]);
  await object.publish(run(1, { status: "succeeded" }), 4);
  await object.publish(run(1), 3);
  expect(await object.liveRuns([ID(1)])).toEqual([]);
  await evict();
  await object.publish(run(1), 4);
  expect(await object.liveRuns([ID(1)])).toEqual([]);
  const socket = await watch();
  await object.publish(run(2), 1);
  await vi.waitFor(() => expect(heard(socket)).toEqual(["hello", "2 running 1"]), 10_000);
});

test("progress is gathered: a few frames, and the last word always", async () => {
  const { object, watch } = workspace();
  await object.publish(run(1), 1);
  const socket = await watch();
  for (let sequence = 2; sequence <= 100; sequence++) await object.publish(run(1, { last_sequence: sequence }), 1);
  await vi.waitFor(() => expect(heard(socket).at(-1)).toBe("1 running 100"), 10_000);
  expect(socket.frames.length).toBeLessThan(10);
});

test("open runs and sockets outlive hibernation", async () => {
  const { object, watch, evict } = workspace();
  await object.publish(run(1), 1);
  const before = await watch();
  await evict();
  await object.publish(run(2), 1);
  await vi.waitFor(() => expect(heard(before)).toEqual(["hello", "1 running 1", "2 running 1"]), 10_000);
  const after = await watch();
  await vi.waitFor(() => expect(heard(after)).toEqual(["hello", "1 running 1", "2 running 1"]), 10_000);
});

test("ping is answered pong; anything else, and an expired session, ends the socket", async () => {
  const { object, watch } = workspace();
  const pinged = await watch();
  const pong = new Promise((resolve) =>
    pinged.socket.addEventListener("message", ({ data }) => data === "pong" && resolve(data)),
  );
  pinged.frames.length = 0;
  pinged.socket.send("ping");
  await expect(pong).resolves.toBe("pong");

  const talking = await watch();
  talking.socket.send('{"op":"view"}');
  expect((await talking.closed).code).toBe(4400);

  const expired = await watch({ [EXPIRES_AT_HEADER]: "1" });
  await object.publish(run(1), 1);
  expect((await expired.closed).code).toBe(4401);
});

test("where the runtime counts what a client has not read, one that reads nothing is cut at 4 MiB and may come again", async () => {
  const { name, object, watch } = workspace();
  const [slow, good] = [await watch(), await watch()];
  await vi.waitFor(() => expect([heard(slow), heard(good)]).toEqual([["hello"], ["hello"]]));
  const unread = (bytes: number): Promise<void> =>
    runInDurableObject(env.WORKSPACES.getByName(name), (_object, state) => {
      Object.defineProperty(state.getWebSockets()[0], "bufferedAmount", { value: bytes, configurable: true });
    });
  await unread(4 * 1024 * 1024);
  await object.publish(run(1), 1);
  await vi.waitFor(() => expect([heard(slow).length, heard(good).length]).toEqual([2, 2]));
  await unread(4 * 1024 * 1024 + 1);
  await object.publish(run(1, { status: "succeeded" }), 2);
  expect(await Promise.race([slow.closed, good.closed])).toEqual({ code: 4408, reason: "too slow; connect again" });
  await vi.waitFor(() => expect(new Set([heard(slow).length, heard(good).length])).toEqual(new Set([2, 3])));
});

test("a client that leaves is answered at once", async () => {
  const { watch } = workspace();
  const socket = await watch();
  socket.socket.close();
  await socket.closed;
});
