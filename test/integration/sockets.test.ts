import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api, consoleLine, sequenceOf } from "../support/api.ts";
import { hashOf } from "../support/read-every-way.ts";
import { ProducerSocket } from "../support/producer-socket.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher, type WatchOptions } from "../support/watcher.ts";

let server: ServerProcess;
let api: Api;
beforeAll(async () => {
  server = await startServer();
  api = new Api(server.url, server.token);
});
afterAll(removeServers);

const NOBODY = "018f0000-0000-7000-8000-000000000000";

/** A run with `count` lines; ended or open. */
async function makeRun(count: number, { ended = false, width = 0 } = {}): Promise<string> {
  const { run_id } = await api.createRun();
  for (let left = count; left > 0; left -= 1000) {
    const lines = Array.from({ length: Math.min(left, 1000) }, (_, at) =>
      consoleLine(`${left - at} ${"x".repeat(width)}`),
    );
    await api.add(run_id, lines);
  }
  if (ended) await api.complete(run_id);
  return run_id;
}

describe.each([{ ended: false }, { ended: true }])("watching a run (ended: $ended)", ({ ended }) => {
  let runId: string;
  let head: number;
  beforeAll(async () => {
    runId = await makeRun(20, { ended });
    if (ended) await waitUntilArchived(runId);
    head = ended ? 23 : 22;
  });

  test("[SOC1] [SOC11] hello first, every event, caught_up once, and end then 1000 when the run has ended", async () => {
    const watcher = new Watcher(api, runId);
    await watcher.got("caught_up");
    if (!ended) watcher.socket.close();
    const closing = await watcher.closed();
    expect(watcher.texts[0]).toMatch(/^\{"op":"hello"/);
    expect(watcher.controls[0]).toEqual({
      op: "hello",
      run_id: runId,
      status: ended ? "succeeded" : "running",
      last_sequence: head,
      watcher_id: expect.any(String),
    });
    expect(watcher.lines).toEqual(await api.lines(runId));
    expect(watcher.controls.filter(({ op }) => op === "caught_up")).toEqual([{ op: "caught_up", sequence: head }]);
    expect(watcher.socket.protocol).toBe("runcast.v1");
    if (!ended) return;
    expect(closing.code).toBe(1000);
    expect(watcher.controls.at(-1)).toEqual({
      op: "end",
      status: "succeeded",
      last_sequence: head,
      sha256: hashOf(watcher.lines),
    });
  });

  test("only what comes after the position, and only the types asked for", async () => {
    const watcher = new Watcher(api, runId, { after: 10 });
    await watcher.got("caught_up");
    expect(watcher.lines.map(sequenceOf)).toEqual(Array.from({ length: head - 10 }, (_, at) => at + 11));
    const filtered = new Watcher(api, runId, { query: "from_sequence=2&types=run.*" });
    expect(await filtered.got("caught_up")).toEqual({ op: "caught_up", sequence: head });
    expect(filtered.lines.map((line) => JSON.parse(line).type)).toEqual([
      "run.started",
      ...(ended ? ["run.completed"] : []),
    ]);
    watcher.cut();
    filtered.cut();
  });

  test("stay=true: ping, view and ack after the end, until one leaves", async () => {
    const watcher = new Watcher(api, runId, { query: "stay=true" });
    await watcher.got(ended ? "end" : "caught_up");
    watcher.send("ping");
    watcher.send({ op: "view", first: 1, last: 5, follow: false });
    watcher.ack(head);
    await waitUntil("pong", () => watcher.texts.includes("pong"));
    expect(watcher.closing).toBe(null);
    watcher.socket.close(1000);
    expect((await watcher.closed(2_000)).code).toBe(1000);
  });

  test.each([
    ["a word", "hello"],
    ["JSON that is no command", '{"op":"sing"}'],
    ["an ack without a number", '{"op":"ack"}'],
    ["an ack below nothing", '{"op":"ack","sequence":-1}'],
    ["an ack of half a line", '{"op":"ack","sequence":1.5}'],
    ["a view without its end", '{"op":"view","first":1}'],
    ["an array", "[]"],
    ["nothing", ""],
    ["a frame over 4 KiB", `{"op":"ack","sequence":1,"more":"${"x".repeat(4096)}"}`],
    ["a frame of 4 KiB characters that are more bytes", " ".repeat(3000) + "é".repeat(600)],
  ])("%s closes it with 4400", async (_what, frame) => {
    const watcher = new Watcher(api, runId, { query: "stay=true" });
    await watcher.got("hello");
    watcher.send(frame);
    expect((await watcher.closed(5_000)).code).toBe(4400);
  });

  test("bytes instead of text close it with 4400", async () => {
    const watcher = new Watcher(api, runId, { query: "stay=true" });
    await watcher.got("hello");
    watcher.socket.send(Buffer.from('{"op":"ack","sequence":1}'), { binary: true });
    expect((await watcher.closed(5_000)).code).toBe(4400);
  });

  const refusals: [what: string, options: WatchOptions & { run?: string }, status: number, close: number][] = [
    ["a run that is not there", { run: NOBODY }, 404, 4404],
    ["an id that is none", { run: "nonsense" }, 404, 4404],
    ["nobody we know", { token: "somebody-else" }, 401, 4401],
    ["no token", { token: null }, 401, 4401],
    ["a position that cannot be read", { query: "after_sequence=x" }, 400, 4400],
    ["two positions", { query: "after_sequence=1&from_sequence=1" }, 400, 4400],
    ["types that are none", { query: "types=A" }, 400, 4400],
    ["another subprotocol", { subprotocols: ["runcast.v9"] }, 400, 4400],
  ];
  test.each(refusals)("refused: %s", async (_what, { run = runId, ...options }, status, close) => {
    const program = new Watcher(api, run, options);
    await program.closed();
    expect(program.refusal?.status).toBe(status);
    // A browser cannot read a status: it is told by a close code.
    const browser = new Watcher(api, run, { ...options, origin: api.url });
    expect((await browser.closed()).code).toBe(close);
    expect(browser.lines).toEqual([]);
  });

  test("without an upgrade: 426, and 401 before that", async () => {
    const plain = await api.ask("GET", `/api/runs/${runId}/live`);
    expect([plain.status, plain.json().code]).toEqual([426, "UPGRADE_REQUIRED"]);
    expect((await api.ask("GET", `/api/runs/${runId}/live`, { token: null })).status).toBe(401);
  });

  test("a page of another origin is turned away, a viewer is welcome", async () => {
    const foreign = new Watcher(api, runId, { origin: "https://elsewhere.example" });
    expect((await foreign.closed()).code).toBe(4403);
    const viewer = new Watcher(api, runId, { token: server.viewToken });
    await viewer.got("caught_up");
    expect(viewer.lines).toHaveLength(head);
    viewer.cut();
  });
});

describe.each([{ ended: false }, { ended: true }])("a large log (ended: $ended)", ({ ended }) => {
  let runId: string;
  beforeAll(async () => {
    runId = await makeRun(6_000, { ended, width: 600 });
    if (ended) await waitUntilArchived(runId);
  });

  test("[SOC2] [SOC3] one that acknowledges nothing gets at most 1 MiB and waits; its acknowledgements bring the rest", async () => {
    const watcher = new Watcher(api, runId, { ack: "never" });
    await waitUntil("it is full", () => watcher.bytes > 900 * 1024);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(watcher.bytes).toBeLessThanOrEqual(1024 * 1024);
    expect(watcher.largestFrameBytes).toBeLessThanOrEqual(64 * 1024);
    const [before, reached] = [watcher.bytes, watcher.last];
    watcher.ack(watcher.last);
    await waitUntil("another window comes", () => watcher.bytes - before > 900 * 1024);
    expect(watcher.bytes - before).toBeLessThanOrEqual(1024 * 1024);
    // What it lost: a new one goes on behind the last line it has handled, and the two together have everything.
    watcher.cut();
    const rest = new Watcher(api, runId, { after: reached, ack: 20 });
    await rest.got("caught_up", 30_000);
    rest.cut();
    const together = [...watcher.lines.slice(0, reached), ...rest.lines];
    expect(together).toEqual(await api.lines(runId));
  });
});

test("presence says who looks on and where, and forgets who has left", async () => {
  const runId = await makeRun(1);
  const first = new Watcher(api, runId);
  const second = new Watcher(api, runId, { token: server.viewToken });
  const latest = () => first.controls.findLast(({ op }) => op === "presence");
  await second.got("caught_up");
  second.send({ op: "view", first: 3, last: 9, follow: false });
  await waitUntil("both are seen, and where the second looks", () => {
    const frame = latest();
    return frame?.["count"] === 2 && JSON.stringify(frame["watchers"]).includes('"first":3,"last":9,"follow":false');
  });
  expect(latest()?.["watchers"]).toContainEqual({
    watcher_id: second.control("hello")?.["watcher_id"],
    name: "viewer",
    colour: expect.any(String),
    first: 3,
    last: 9,
    follow: false,
  });
  second.socket.close();
  await waitUntil("the second is gone", () => latest()?.["count"] === 1);

  // At most one a second.
  expect(first.controls.filter(({ op }) => op === "presence").length).toBeLessThan(10);
  first.cut();
});

describe("a producer's socket", () => {
  test("takes batches in order, answers each, and a repeat as a repeat", async () => {
    const { run_id } = await api.createRun();
    const producer = new ProducerSocket(api, run_id);
    expect(await producer.frame(0)).toEqual({ op: "hello", run_id, status: "queued", expected: 1 });
    producer.append(1, [consoleLine("one"), consoleLine("two")]);
    producer.append(2, "raw output\n");
    producer.append(2, "raw output\n");
    producer.append(3, "");
    await producer.frame(4);
    expect(producer.frames.slice(1)).toEqual([
      { op: "ack", producer_sequence: 1, first_sequence: 3, last_sequence: 4, duplicate: false },
      { op: "ack", producer_sequence: 2, first_sequence: 5, last_sequence: 5, duplicate: false },
      { op: "ack", producer_sequence: 2, first_sequence: 5, last_sequence: 5, duplicate: true },
      { op: "ack", producer_sequence: 3, first_sequence: null, last_sequence: null, duplicate: false },
    ]);
    producer.send("ping");
    await waitUntil("pong", () => producer.pongs === 1);
    expect((await api.read(run_id, "format=text")).text).toBe("one\ntwo\nraw output\n");

    // Another socket of the same producer learns where it stands.
    const again = new ProducerSocket(api, run_id);
    expect(await again.frame(0)).toMatchObject({ op: "hello", status: "running", expected: 4 });
    again.append(4, [{ type: "run.completed", payload: { status: "succeeded" } }]);
    expect(await again.frame(1)).toMatchObject({ op: "ack", first_sequence: 6, last_sequence: 6 });
    producer.socket.close();
    again.socket.close();
  });

  test("[SOC6] what closes the socket comes after the answers to what was stored, and nothing behind it is taken", async () => {
    const { run_id } = await api.createRun();
    const producer = new ProducerSocket(api, run_id);
    await producer.frame(0);
    // An end takes longest to answer: the list of runs is told of it first.
    producer.append(1, [consoleLine("one"), { type: "run.completed", payload: { status: "succeeded" } }]);
    producer.socket.send('{"op":"sing"}');
    producer.append(2, [consoleLine("two")]);
    expect((await producer.closed()).code).toBe(4400);
    expect(producer.frames.slice(1)).toEqual([
      { op: "ack", producer_sequence: 1, first_sequence: 3, last_sequence: 4, duplicate: false },
    ]);
    expect(await api.lines(run_id)).toHaveLength(4);
  });

  test("a refused batch is answered with its code, and the socket goes on", async () => {
    const { run_id } = await api.createRun();
    const producer = new ProducerSocket(api, run_id);
    await producer.frame(0);
    producer.append(2, [consoleLine("ahead")]);
    expect(await producer.frame(1)).toMatchObject({ op: "error", code: "PRODUCER_GAP", expected: 1 });
    producer.append(1, [{ type: "run.queued" }]);
    expect(await producer.frame(2)).toMatchObject({ op: "error", code: "RESERVED_TYPE" });
    producer.append(1, [{ type: "console.line" }]);
    expect(await producer.frame(3)).toMatchObject({ op: "error", code: "INVALID_EVENT" });
    producer.append(1, [consoleLine("good")]);
    expect(await producer.frame(4)).toMatchObject({ op: "ack", producer_sequence: 1, first_sequence: 3 });
    await api.complete(run_id);
    producer.append(2, [consoleLine("late")]);
    expect(await producer.frame(5)).toMatchObject({ op: "error", code: "RUN_ENDED" });
    producer.socket.close();
  });

  test.each([
    ["no command", "lines without a head\n", 4400],
    ["another command", '{"op":"sing"}\n', 4400],
    ["batch 0", '{"op":"append","producer_sequence":0}\nx\n', 4400],
    ["a batch over 4 MiB", `{"op":"append","producer_sequence":1}\n${"x".repeat(4 * 1024 * 1024 + 1)}`, 4413],
  ])("%s closes it", async (_what, frame, code) => {
    const { run_id } = await api.createRun();
    const producer = new ProducerSocket(api, run_id);
    await producer.frame(0);
    producer.socket.send(frame);
    expect((await producer.closed()).code).toBe(code);
    expect(await api.lines(run_id)).toHaveLength(1);
  });

  test("[SOC10] [SEQ7] a newer epoch fences the older: its socket is closed 4409 with the first batch, and it is refused when it comes again", async () => {
    const { run_id } = await api.createRun();
    const older = new ProducerSocket(api, run_id);
    await older.frame(0);
    older.append(1, [consoleLine("old")]);
    await older.frame(1);
    const newer = new ProducerSocket(api, run_id, "producer_id=p&producer_epoch=1");
    expect(await newer.frame(0)).toMatchObject({ expected: 1 });
    // To be greeted fences nobody.
    older.append(2, [consoleLine("still")]);
    expect(await older.frame(2)).toMatchObject({ op: "ack" });
    newer.append(1, [consoleLine("new")]);
    expect(await newer.frame(1)).toMatchObject({ op: "ack", duplicate: false });
    expect(await older.closed()).toEqual({ code: 4409, reason: "fenced by a newer epoch" });
    const back = new ProducerSocket(api, run_id);
    await back.closed();
    expect(back.refusal).toEqual({ status: 403, code: "PRODUCER_FENCED" });
    newer.socket.close();
  });

  test("is refused to strangers, to viewers, for no run, without its producer, and after the end", async () => {
    const { run_id } = await api.createRun();
    await api.complete(run_id);
    const refused = async (...[id, query, token]: [id: string, query?: string, token?: string]) => {
      const socket = new ProducerSocket(api, id, query, token);
      await socket.closed();
      return socket.refusal;
    };
    expect(await refused(run_id, undefined, "nobody")).toEqual({ status: 401, code: "UNAUTHENTICATED" });
    expect(await refused(run_id, undefined, server.viewToken)).toEqual({ status: 403, code: "FORBIDDEN" });
    expect(await refused(NOBODY)).toEqual({ status: 404, code: "RUN_NOT_FOUND" });
    expect(await refused(run_id, "")).toEqual({ status: 400, code: "INVALID_QUERY" });
    await waitUntilArchived(run_id);
    expect(await refused(run_id)).toEqual({ status: 409, code: "RUN_ENDED" });
  });
});

/** Plain downloads with an ETag come from the archive alone. */
const waitUntilArchived = (runId: string): Promise<void> =>
  waitUntil("the run is archived", async () => {
    const answer = await api.read(runId);
    return answer.headers.has("etag");
  });
