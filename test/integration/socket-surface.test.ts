import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { z } from "zod";
import type { Run } from "../../protocol/api.ts";
import { producerFrameSchema, watcherFrameSchema, workspaceFrameSchema } from "../../protocol/frames.ts";
import { parseLine } from "../../protocol/ndjson.ts";
import { ApiSocket, type SocketOptions } from "../support/api-socket.ts";
import { consoleLine, linesOf, ndjson, type Api, type SentEvent } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Control } from "../support/watcher.ts";

/** Everything that the three sockets say, take, and refuse: the list of protocol.md §4, each for a program and for a page. */
let inspected: InspectedServer;
let api: Api;
/** Runs that the table names: open, ended and still in its object, archived; and one whose producer was fenced. */
const runs = { open: "", archived: "", fenced: "" };

beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
  for (const name of ["open", "archived", "fenced"] as const) runs[name] = (await api.createRun({ name })).run_id;
  for (const epoch of [0, 1])
    await api.add(runs.fenced, [consoleLine("x")], {
      "producer-id": "p",
      "producer-epoch": `${epoch}`,
      "producer-sequence": "1",
    });
  await api.complete(runs.archived);
  await inspected.archived(runs.archived);
});
afterAll(() => inspected.remove());

const NOBODY = "018f0000-0000-7000-8000-000000000000";
const PRODUCER = "producer_id=p&producer_epoch=0";
const live = (run: string, query = ""): string => `/api/runs/${run}/live?${query}`;
const produce = (run: string, query = PRODUCER): string => `/api/runs/${run}/produce?${query}`;
const workspace = (name = "default"): string => `/api/workspaces/${name}/live`;
const append = (sequence: number, events: SentEvent[]): string =>
  `${JSON.stringify({ op: "append", producer_sequence: sequence })}\n${ndjson(events)}`;

type Refused = [what: string, path: () => string, options: SocketOptions, status: number, code: string, close: number];
const routes = (["live", "produce", "workspace"] as const).map((name) => {
  const path = { live: () => live(runs.open), produce: () => produce(runs.open), workspace: () => workspace() }[name];
  const other = name === "live" ? "runcast.workspace.v1" : "runcast.v1";
  return { name, path, other };
});
const refused: Refused[] = [
  ...routes.flatMap(({ name, path, other }): Refused[] => [
    [`${name}: nobody`, path, { token: null }, 401, "UNAUTHENTICATED", 4401],
    [`${name}: a token that is none`, path, { token: "nonsense" }, 401, "UNAUTHENTICATED", 4401],
    [`${name}: a cookie that is none`, path, { cookie: "runcast_session_x=y" }, 401, "UNAUTHENTICATED", 4401],
    [`${name}: another subprotocol`, path, { subprotocols: [other] }, 400, "INVALID_QUERY", 4400],
  ]),
  ["live: no run", () => live(NOBODY), {}, 404, "RUN_NOT_FOUND", 4404],
  ["live: no run, to stay", () => live(NOBODY, "stay=true"), {}, 404, "RUN_NOT_FOUND", 4404],
  ["live: no id", () => live("nonsense"), {}, 404, "RUN_NOT_FOUND", 4404],
  ...["open", "archived"].flatMap((name): Refused[] =>
    [
      "after_sequence=x",
      "after_sequence=-1",
      "after_sequence=",
      "from_sequence=0",
      "after_sequence=1&from_sequence=2",
      "after_sequence=1&after_sequence=1",
      "from_sequence=1&from_sequence=2",
      "types=A",
      "types=run.*&types=run.*",
      "stay=perhaps",
      "stay=true&stay=true",
    ].map((query) => [
      `live, ${name}: ${query}`,
      () => live(name === "open" ? runs.open : runs.archived, query),
      {},
      400,
      "INVALID_QUERY",
      4400,
    ]),
  ),
  ["produce: no run", () => produce(NOBODY), {}, 404, "RUN_NOT_FOUND", 4404],
  ["produce: no id", () => produce("nonsense"), {}, 404, "RUN_NOT_FOUND", 4404],
  ["produce: a viewer", () => produce(runs.open), { token: "test-viewer-token-0" }, 403, "FORBIDDEN", 4403],
  ["produce: a viewer, no run", () => produce(NOBODY), { token: "test-viewer-token-0" }, 403, "FORBIDDEN", 4403],
  ...[
    "",
    "producer_id=p",
    "producer_epoch=0",
    "producer_id=&producer_epoch=0",
    "producer_id=é&producer_epoch=0",
    `producer_id=${"p".repeat(201)}&producer_epoch=0`,
    "producer_id=p&producer_epoch=-1",
    "producer_id=p&producer_epoch=1.5",
    "producer_id=p&producer_epoch=9007199254740992",
    "producer_id=p&producer_id=p&producer_epoch=0",
    "producer_id=p&producer_epoch=0&producer_epoch=0",
  ].map((query): Refused => [`produce: ${query}`, () => produce(runs.open, query), {}, 400, "INVALID_QUERY", 4400]),
  ["produce: an epoch that is fenced", () => produce(runs.fenced), {}, 403, "PRODUCER_FENCED", 4409],
  ["produce: a run that is archived", () => produce(runs.archived), {}, 409, "RUN_ENDED", 4409],
  ["workspace: none of that name", () => workspace("none"), {}, 404, "WORKSPACE_NOT_FOUND", 4404],
  ["workspace: no slug", () => workspace("No"), {}, 404, "WORKSPACE_NOT_FOUND", 4404],
];

test.concurrent.each(refused)("[SOC8] refused, %s", async (_what, path, options, status, code, close) => {
  const program = new ApiSocket(api, path(), options);
  await program.closed();
  expect(program.refusal).toEqual({ status, code, type: "application/problem+json" });
  // A page cannot read a status: its socket is opened, says nothing, and is closed with a code and a reason.
  const page = new ApiSocket(api, path(), { ...options, origin: api.url });
  const closing = await page.closed();
  expect([page.refusal, page.frames, closing.code]).toEqual([null, [], close]);
  expect(closing.reason.length).toBeGreaterThan(5);
});

describe.each(routes)("$name", ({ path }) => {
  test("[SOC8] a page of another origin is turned away, whoever it is signed in as", async () => {
    for (const origin of ["https://elsewhere.example", "null", api.url.replace(/\d$/, "0")].filter(
      (each) => each !== api.url,
    )) {
      const socket = new ApiSocket(api, path(), { origin });
      expect([origin, (await socket.closed()).code, socket.frames]).toEqual([origin, 4403, []]);
    }
  });

  test("without an upgrade: 401, then 426; another method: 405", async () => {
    expect((await api.ask("GET", path(), { token: null })).status).toBe(401);
    const plain = await api.ask("GET", path());
    expect([plain.status, plain.json().code]).toEqual([426, "UPGRADE_REQUIRED"]);
    expect((await api.ask("POST", path())).status).toBe(405);
  });
});

test("[SOC8] each role is let in where the table says so, with a subprotocol and without, as a program and as a page", async () => {
  const tokens = { viewer: inspected.viewToken, operator: inspected.operatorToken, administrator: api.token };
  const subprotocols = { live: "runcast.v1", produce: "runcast.produce.v1", workspace: "runcast.workspace.v1" };
  for (const { name, path } of routes) {
    for (const [role, token] of Object.entries(tokens)) {
      if (name === "produce" && role === "viewer") continue;
      for (const origin of [undefined, api.url]) {
        for (const subprotocol of [undefined, subprotocols[name]]) {
          const socket = new ApiSocket(api, path(), {
            token,
            ...(origin === undefined ? {} : { origin }),
            ...(subprotocol === undefined ? {} : { subprotocols: ["other", subprotocol] }),
          });
          expect([name, role, (await socket.op("hello")).op]).toEqual([name, role, "hello"]);
          expect(socket.socket.protocol).toBe(subprotocol ?? "");
          socket.send("ping");
          await waitUntil("pong", () => socket.pongs === 1, { everyMs: 5 });
          socket.close();
          expect((await socket.closed()).code).toBe(1000);
        }
      }
    }
  }
});

/** Which operations came, each readable by its schema. */
function opsOf(schema: z.ZodType, frames: readonly Control[]): Set<string> {
  const controls = frames.filter((frame) => "op" in frame);
  for (const control of controls) expect([control, schema.safeParse(control).success]).toEqual([control, true]);
  return new Set(controls.map(({ op }) => op));
}
const ops = (schema: { options: readonly { shape: { op: { value: string } } }[] }): string[] =>
  schema.options.map(({ shape }) => shape.op.value).toSorted();

test("[SOC1] [SOC5] a watcher is told everything there is to tell, in frames that their schema can read", async () => {
  const { run_id } = await api.createRun();
  await api.add(
    run_id,
    Array.from({ length: 1_200 }, (_, at) => consoleLine(`${at} ${"x".repeat(1_000)}`)),
  );
  const segment = async (): Promise<string | undefined> =>
    (await inspected.keys(run_id)).find((key) => key.startsWith("logs/segments/"));
  await waitUntil("its first segment is stored", async () => (await segment()) !== undefined);
  const key = `workspaces/default/runs/${run_id}/${await segment()}`;
  const lines = linesOf((await (await inspected.bucket.get(key))?.text()) ?? "");
  await inspected.bucket.put(key, `${lines.with(4, "damage".padEnd(lines[4]?.length ?? 0)).join("\n")}\n`);

  const socket = new ApiSocket(api, live(run_id, "stay=true"));
  const ack = setInterval(() => {
    const sequence = socket.frames.findLast((frame) => "sequence" in frame && "type" in frame)?.["sequence"];
    if (sequence !== undefined) socket.send({ op: "ack", sequence });
  }, 20);
  await socket.op("caught_up");
  socket.send({ op: "view", first: 1, last: 2, follow: true });
  await socket.op("presence");
  await api.complete(run_id);
  await socket.op("end");
  clearInterval(ack);
  expect([...opsOf(watcherFrameSchema, socket.frames)].toSorted()).toEqual(ops(watcherFrameSchema));
  const events = socket.frames.filter((frame) => !("op" in frame));
  expect(events.every((event) => parseLine(JSON.stringify(event)) !== null)).toBe(true);
  expect(events).toHaveLength(1_202);
  socket.send('{"op":"sing"}');
  expect((await socket.closed()).code).toBe(4400);
});

test("[SOC6] a producer is told everything there is to tell; a cancel reaches it, and is over when it is acknowledged", async () => {
  const { run_id } = await api.createRun();
  const socket = new ApiSocket(api, produce(run_id), { token: inspected.operatorToken });
  expect(await socket.op("hello")).toEqual({ op: "hello", run_id, status: "queued", expected: 1 });
  socket.send(append(1, [consoleLine("one")]));
  expect(await socket.op("ack")).toMatchObject({ producer_sequence: 1, first_sequence: 3, last_sequence: 3 });
  socket.send(append(3, [consoleLine("three")]));
  expect(await socket.op("error")).toMatchObject({ code: "PRODUCER_GAP", expected: 2 });

  const watcher = new ApiSocket(api, live(run_id));
  const cancelled = await api.ask("POST", `/api/runs/${run_id}/cancel`, { body: { reason: "enough" } });
  expect(cancelled.status).toBe(202);
  const control = await socket.op("control");
  expect(control).toEqual({
    op: "control",
    control_id: expect.any(String),
    action: "cancel",
    by: expect.any(String),
    reason: "enough",
  });
  const { op: _op, ...request } = control;
  const requested = await watcher.frame("the request in the log", ({ ["type"]: type }) => type === "control.requested");
  expect(requested["payload"]).toEqual(request);
  const pending = async (): Promise<unknown> =>
    (await api.ask("POST", `/api/runs/${run_id}/heartbeat`)).json<{ control: unknown }>().control;
  expect(await pending()).toEqual([request]);
  // Asked again, it is the same request, and a socket that comes now is told of it at once.
  await api.ask("POST", `/api/runs/${run_id}/cancel`);
  const second = new ApiSocket(api, produce(run_id));
  expect(await second.op("control")).toEqual(control);
  expect(
    socket.frames.filter(({ op }) => op === "control").every((each) => each["control_id"] === request["control_id"]),
  ).toBe(true);

  const acknowledgement = { control_id: request["control_id"], outcome: "stopping" };
  socket.send(append(2, [{ type: "control.acknowledged", payload: acknowledgement }]));
  await socket.frame("its ack", (frame) => frame.op === "ack" && frame["producer_sequence"] === 2);
  const acknowledged = await watcher.frame(
    "its acknowledgement",
    ({ ["type"]: type }) => type === "control.acknowledged",
  );
  expect(acknowledged["payload"]).toEqual(acknowledgement);
  expect(await pending()).toEqual([]);
  const third = new ApiSocket(api, produce(run_id));
  await third.op("hello");
  socket.send(append(3, [consoleLine("stopped"), { type: "run.completed", payload: { status: "cancelled" } }]));
  expect(await watcher.op("end")).toMatchObject({ status: "cancelled" });
  expect((await watcher.closed()).code).toBe(1000);
  expect(third.frames.map(({ op }) => op)).toEqual(["hello"]);
  expect([...opsOf(producerFrameSchema, socket.frames)].toSorted()).toEqual(ops(producerFrameSchema));
  for (const each of [socket, second, third]) each.close();
});

test("[SOC10] [SOC6] while it is still in its object too, an ended run takes no produce socket", async () => {
  const { run_id } = await api.createRun();
  // One that is behind keeps the object from being emptied.
  await api.add(
    run_id,
    Array.from({ length: 1_500 }, () => consoleLine("x".repeat(1_000))),
  );
  const behind = new ApiSocket(api, live(run_id));
  await behind.op("hello");
  await api.complete(run_id);
  const program = new ApiSocket(api, produce(run_id));
  await program.closed();
  expect(program.refusal).toMatchObject({ status: 409, code: "RUN_ENDED" });
  const page = new ApiSocket(api, produce(run_id), { origin: api.url });
  expect(await page.closed()).toMatchObject({ code: 4409, reason: expect.stringContaining("succeeded") });
  behind.close();
});

test("[SOC7] a workspace's socket is told of every open run, each change and each deletion, and takes nothing but ping", async () => {
  const { run_id } = await api.createRun({ name: "told" });
  const socket = new ApiSocket(api, workspace());
  expect(await socket.op("hello")).toEqual({ op: "hello", workspace_id: "default" });
  const told = (what: string, isIt: (run: Run) => boolean) =>
    socket.frame(what, ({ op, run }) => op === "run" && (run as Run).run_id === run_id && isIt(run as Run));
  await told("the open run", ({ status }) => status === "queued");
  await api.add(run_id, [consoleLine("x"), { type: "run.progress", payload: { percent: 40 } }]);
  await told("its progress", ({ status, progress }) => status === "running" && progress?.percent === 40);
  await api.complete(run_id, "failed");
  await told("its end", ({ status }) => status === "failed");
  await inspected.archived(run_id);
  expect((await api.ask("DELETE", `/api/runs/${run_id}`)).status).toBe(204);
  await socket.frame("its deletion", (frame) => frame.op === "run_deleted" && frame["run_id"] === run_id);
  expect([...opsOf(workspaceFrameSchema, socket.frames)].toSorted()).toEqual(ops(workspaceFrameSchema));
  // Ended runs are not in what a newcomer is told.
  const late = new ApiSocket(api, workspace());
  await late.op("run");
  await sleep(300);
  expect(late.frames.some(({ run }) => (run as Run | undefined)?.run_id === run_id)).toBe(false);
  for (const frame of ['{"op":"ack","sequence":1}', "hello"]) {
    const talker = new ApiSocket(api, workspace());
    await talker.op("hello");
    talker.send(frame);
    expect((await talker.closed()).code).toBe(4400);
  }
  socket.close();
  late.close();
});

test("[LEASE3] a run whose producer is lost is told as stale to its watchers and the workspace's socket, and as back when it returns; pings keep one from it", async () => {
  const lost = (await api.createRun({ lease_seconds: 10, end_after_seconds: 600 })).run_id;
  const kept = (await api.createRun({ lease_seconds: 10, end_after_seconds: 600 })).run_id;
  const [watcher, list] = [new ApiSocket(api, live(lost)), new ApiSocket(api, workspace())];
  const pinging = new ApiSocket(api, produce(kept));
  await pinging.op("hello");
  const ping = setInterval(() => pinging.send("ping"), 2_000);
  const event = (type: string) => watcher.frame(type, (frame) => frame["type"] === type);
  const shown = (runId: string, stale: boolean, from: number) =>
    list.frame(`stale ${stale}`, (frame) => {
      const run = frame["run"] as Run | undefined;
      return run?.run_id === runId && run.stale === stale && list.frames.indexOf(frame) >= from;
    });
  await event("producer.lost");
  const told = await shown(lost, true, 0);
  expect((told["run"] as Run).status).toBe("queued");
  expect((await api.run(lost)).stale).toBe(true);
  // The producer comes back over a socket.
  const before = list.frames.length;
  const producer = new ApiSocket(api, produce(lost));
  await producer.op("hello");
  producer.send(append(1, [consoleLine("here again")]));
  await event("producer.returned");
  await shown(lost, false, before);
  expect((await api.run(lost)).stale).toBe(false);
  clearInterval(ping);
  expect(pinging.pongs).toBeGreaterThan(3);
  expect(list.frames.some(({ run }) => (run as Run | undefined)?.run_id === kept && (run as Run).stale)).toBe(false);
  expect(await api.lines(kept, "types=producer.*")).toEqual([]);
  for (const socket of [watcher, list, pinging, producer]) socket.close();
});
