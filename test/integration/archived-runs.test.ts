import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AppendAnswer, Run, RunList } from "../../protocol/api.ts";
import { consoleLine, ndjson, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { NumberedProducer } from "../support/numbered-producer.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher } from "../support/watcher.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

const numbered = (id: string, epoch: number, sequence: number): Record<string, string> => ({
  "producer-id": id,
  "producer-epoch": String(epoch),
  "producer-sequence": String(sequence),
});
const writes = (statements: string[]): string[] => statements.filter((sql) => !/^\s*select/i.test(sql));

describe("D1 is asked little", () => {
  test("a run of 1,000 lines makes at most 10 writes, its console lines none, and an append reads nothing", async () => {
    await api.run((await api.createRun()).run_id); // The token is known for a minute.
    await inspected.forgetCounts();
    const { run_id } = await api.createRun();
    await api.add(run_id, [consoleLine("the first starts the run")]);
    const started = await inspected.counts();
    await inspected.forgetCounts();
    for (let batch = 0; batch < 100; batch += 1) {
      const lines = Array.from({ length: 10 }, (_, at) => consoleLine(`${batch}.${at}`));
      await api.add(
        run_id,
        batch % 10 === 0 ? [...lines, { type: "run.progress", payload: { percent: batch } }] : lines,
      );
    }
    // No statement at all: neither for the lines nor for the progress.
    expect((await inspected.counts()).statements).toEqual([]);
    await api.complete(run_id);
    await inspected.archived(run_id);
    const ended = await inspected.counts();
    const all = [...writes(started.statements), ...writes(ended.statements)];
    expect(all.length).toBeGreaterThan(0);
    expect(all.length).toBeLessThanOrEqual(10);
  });
});

describe("a run whose object was emptied", () => {
  let runId: string;
  const answers: AppendAnswer[] = [];
  beforeAll(async () => {
    ({ run_id: runId } = await api.createRun());
    for (let sequence = 1; sequence <= 70; sequence += 1) {
      answers.push(
        await api.add(
          runId,
          [consoleLine(`${sequence} a`), consoleLine(`${sequence} b`)],
          numbered("__proto__", 3, sequence),
        ),
      );
    }
    answers.push(await api.add(runId, [], numbered("__proto__", 3, 71)));
    answers.push(
      await api.add(
        runId,
        [consoleLine("x"), { type: "run.completed", payload: { status: "failed" } }],
        numbered("__proto__", 3, 72),
      ),
    );
    await inspected.archived(runId);
    // Nothing is left in the object: the Worker has to ask D1 who knows the run.
    await waitUntil("the object is empty", async () => {
      await inspected.forgetCounts();
      await api.append(runId, "late");
      return (await inspected.counts()).statements.length > 0;
    });
  });

  test("[APP16] answers a repeated batch as a duplicate at its old place, also the one that ended the run", async () => {
    for (const sequence of [72, 71, 70, 40, 9]) {
      const again = await api.append(runId, "{", { ...numbered("__proto__", 3, sequence), "content-type": "a/b" });
      expect([sequence, again.status, again.json()]).toEqual([
        sequence,
        200,
        { ...answers[sequence - 1], duplicate: true },
      ]);
    }
    // Older than the last 64: still a repeat, its place forgotten.
    const old = await api.append(runId, "x", numbered("__proto__", 3, 8));
    expect([old.status, old.json()]).toMatchObject([
      200,
      { duplicate: true, first_sequence: null, last_sequence: null },
    ]);
  });

  test("takes nothing new, and says of each batch what is wrong with it first", async () => {
    const before = (await api.read(runId)).text;
    const refused = async (body: string, headers: Record<string, string> = {}) => {
      const answer = await api.append(runId, body, headers);
      return [answer.status, answer.json().code, answer.json().expected];
    };
    expect(await refused("x")).toEqual([409, "RUN_ENDED", undefined]);
    expect(await refused("x", numbered("__proto__", 3, 73))).toEqual([409, "RUN_ENDED", undefined]);
    expect(await refused("x", numbered("other", 0, 1))).toEqual([409, "RUN_ENDED", undefined]);
    expect(await refused("x", numbered("__proto__", 3, 75))).toEqual([409, "PRODUCER_GAP", 73]);
    expect(await refused("x", numbered("__proto__", 2, 1))).toEqual([403, "PRODUCER_FENCED", undefined]);
    expect(await refused("{", { "producer-id": "p" })).toEqual([422, "INVALID_PRODUCER", undefined]);
    expect(await refused("x".repeat(4_200_000))).toEqual([413, "PAYLOAD_TOO_LARGE", undefined]);
    expect(await refused('{"type":"run.queued"}', { "content-type": "a/b" })).toEqual([409, "RUN_ENDED", undefined]);
    expect((await api.read(runId)).text).toBe(before);
    expect(await inspected.keys(runId)).toEqual([
      "logs/events.ndjson",
      "logs/index.bin",
      "logs/manifest.json",
      "logs/timeline.ndjson",
    ]);
  });
});

describe("a log of 200 MB", () => {
  const MIB = 1024 * 1024;
  let runId: string;
  let size: number;
  let manifestSize = 0;
  let hash: string;
  beforeAll(async () => {
    ({ run_id: runId } = await api.createRun());
    const line = `${"x".repeat(30_000)}\n`;
    const body = line.repeat(Math.floor((4 * MIB) / line.length));
    for (let batch = 0; batch < 50;) {
      const answer = await api.append(runId, body);
      if (answer.status === 200) batch += 1;
      else await sleep(1_000 * Number(answer.headers.get("retry-after")));
    }
    await api.complete(runId);
    await inspected.archived(runId);
    const manifest = await inspected.bucket.get(`workspaces/default/runs/${runId}/logs/manifest.json`);
    const file = (await manifest?.text()) ?? "{}";
    ({ bytes: size, sha256: hash } = JSON.parse(file));
    manifestSize = Buffer.byteLength(file);
    expect(size).toBeGreaterThan(200_000_000);
  });

  test.each([
    ["as it is stored", ""],
    ["line by line", "types=console.*,run.*"],
    ["as server-sent events", "stream=true"],
    ["as text", "format=text"],
  ])("%s: the Worker never holds 16 MiB of it, and stops reading when its reader pauses", async (_what, query) => {
    await inspected.forgetCounts();
    const response = await fetch(`${api.url}/api/runs/${runId}/events?${query}`, {
      headers: { authorization: `Bearer ${api.token}` },
    });
    const reader = response.body!.getReader();
    const digest = createHash("sha256");
    let received = 0;
    let hasPaused = false;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      received += read.value.byteLength;
      digest.update(read.value);
      if (hasPaused || received < 2 * MIB) continue;
      hasPaused = true;
      await sleep(700);
      // The buffers of the machine's sockets take some of it; far from all.
      expect((await inspected.counts()).bytesAnswered).toBeLessThan(150 * MIB);
    }
    const { archiveBytesRead, mostBytesHeld } = await inspected.counts();
    // The end of the stream tells the hash, which stands in the manifest.
    expect(archiveBytesRead).toBe(size + (query === "stream=true" ? manifestSize : 0));
    expect(mostBytesHeld).toBeLessThan(16 * MIB);
    if (query === "") expect([received, digest.digest("hex")]).toEqual([size, hash]);
    else expect(received).toBeGreaterThan(199_000_000);
  });

  test("over a socket: what is not acknowledged is not read", async () => {
    await inspected.forgetCounts();
    const watcher = new Watcher(api, runId, { ack: "never" });
    await waitUntil("it is full", () => watcher.bytes > 900 * 1024);
    await sleep(500);
    expect((await inspected.counts()).archiveBytesRead).toBeLessThan(16 * MIB);
    watcher.cut();
  });
});

describe("deleting a run", () => {
  test("an open one: 409. An ended one: nothing is left of it, wherever it was, and its watchers are told", async () => {
    const { run_id } = await api.createRun({ name: "to be deleted" });
    await api.add(
      run_id,
      Array.from({ length: 1_100 }, () => consoleLine("x".repeat(1_000))),
    );
    const open = await api.ask("DELETE", `/api/runs/${run_id}`);
    expect([open.status, open.json().code]).toEqual([409, "RUN_OPEN"]);
    const staying = new Watcher(api, run_id, { query: "stay=true" });
    await staying.got("caught_up");
    await api.complete(run_id);
    await staying.got("end");
    const gone = await api.ask("DELETE", `/api/runs/${run_id}`);
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await staying.closed()).code).toBe(4404);

    await expectGone(run_id);
  });

  test("an archived one", async () => {
    const { run_id } = await api.createRun();
    await api.complete(run_id);
    await inspected.archived(run_id);
    expect((await api.ask("DELETE", `/api/runs/${run_id}`)).status).toBe(204);
    await expectGone(run_id);
    expect((await api.ask("DELETE", `/api/runs/${run_id}`)).status).toBe(404);
  });

  async function expectGone(runId: string): Promise<void> {
    const asked = await Promise.all([
      api.ask("GET", `/api/runs/${runId}`),
      api.ask("GET", `/api/runs/${runId}/summary`),
      api.read(runId),
      api.read(runId, "stream=true"),
      api.append(runId, "x"),
      api.ask("POST", `/api/runs/${runId}/cancel`),
      api.ask("POST", `/api/runs/${runId}/heartbeat`),
    ]);
    expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 404));
    const watcher = new Watcher(api, runId);
    await watcher.closed();
    expect(watcher.refusal?.status).toBe(404);
    expect((await list()).some((run) => run.run_id === runId)).toBe(false);
    // Also a moment later: nothing that was under way puts anything back.
    await sleep(500);
    expect(await inspected.keys(runId)).toEqual([]);
  }
});

describe("who may do what", () => {
  test("a viewer reads and watches, and changes nothing; a stranger does not even read", async () => {
    const { run_id } = await api.createRun();
    const before = (await api.read(run_id)).text;
    const calls: [method: string, path: string, body?: string][] = [
      ["POST", "/api/workspaces/default/runs"],
      ["POST", `/api/runs/${run_id}/events`, "x"],
      ["POST", `/api/runs/${run_id}/cancel`],
      ["POST", `/api/runs/${run_id}/heartbeat`],
      ["DELETE", `/api/runs/${run_id}`],
      ["PUT", "/api/workspaces/another"],
    ];
    for (const [method, path, body] of calls) {
      const viewer = await api.ask(method, path, {
        ...(body === undefined ? {} : { body }),
        token: inspected.viewToken,
      });
      expect([path, viewer.status, viewer.json().code]).toEqual([path, 403, "FORBIDDEN"]);
      const stranger = await api.ask(method, path, { token: "a-token-of-nobody" });
      expect([path, stranger.status, stranger.json().code]).toEqual([path, 401, "UNAUTHENTICATED"]);
    }
    expect((await api.read(run_id)).text).toBe(before);
    expect((await api.as(inspected.viewToken).read(run_id)).text).toBe(before);
    expect((await api.as("a-token-of-nobody").read(run_id)).status).toBe(401);
  });
});

const list = async (query = ""): Promise<Run[]> =>
  (await api.ask("GET", `/api/workspaces/default/runs?limit=200&${query}`)).json<RunList>().items;

describe("the list", () => {
  test("a created run is in it at once, and so is its end", async () => {
    for (let round = 0; round < 10; round += 1) {
      const run = await api.createRun({ name: `round ${round}` });
      expect((await list())[0]).toEqual(run);
      await api.add(run.run_id, [consoleLine("x")]);
      expect((await list("status=running"))[0]?.run_id).toBe(run.run_id);
      await api.complete(run.run_id, "failed");
      expect((await list("status=failed"))[0]).toEqual(await api.run(run.run_id));
      expect((await list("status=running")).some(({ run_id }) => run_id === run.run_id)).toBe(false);
    }
  });

  test("[LST1] filters hold together, and their aliases mean what they say", async () => {
    const labels = { suite: "filters" };
    const make = async (name: string, workflow_id: string, end?: "succeeded" | "cancelled") => {
      const { run_id } = await api.createRun({ name, workflow_id, labels });
      if (end !== undefined) await api.complete(run_id, end);
      return run_id;
    };
    const a = await make("Build the pages", "build", "succeeded");
    const b = await make("Build the server", "build");
    const c = await make("Deploy", "deploy", "cancelled");
    const ids = async (query: string): Promise<string[]> =>
      (await list(`label=suite:filters&${query}`)).map(({ run_id }) => run_id);
    expect(await ids("")).toEqual([c, b, a]);
    expect(await ids("workflow_id=build")).toEqual([b, a]);
    expect(await ids("workflow_id=build&status=completed")).toEqual([a]);
    expect(await ids("status=canceled")).toEqual([c]);
    expect(await ids("status=queued&status=succeeded")).toEqual([b, a]);
    expect(await ids("q=the%20build")).toEqual([b, a]);
    expect(await ids(`q=${a}`)).toEqual([a]);
    expect(await ids("label=suite:other")).toEqual([]);
    const [middle] = await list(`q=${b}`);
    expect(await ids(`created_after=${middle?.created_at}`)).toEqual([c]);
    for (const query of ["status=done", "limit=0", "limit=201", "cursor=x", "created_after=yesterday", "pinned=1"]) {
      const answer = await api.ask("GET", `/api/workspaces/default/runs?${query}`);
      expect([query, answer.status, answer.json().code]).toEqual([query, 400, "INVALID_QUERY"]);
    }
    expect((await api.ask("GET", "/api/workspaces/nowhere/runs")).json().code).toBe("WORKSPACE_NOT_FOUND");
  });

  test("one Idempotency-Key makes one run, also when twenty ask at once and after it was archived", async () => {
    const create = (body: object) =>
      api.ask("POST", "/api/workspaces/default/runs", { body, headers: { "idempotency-key": "one key" } });
    const answers = await Promise.all(Array.from({ length: 20 }, () => create({ name: "once" })));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    const ids = new Set(answers.map((answer) => answer.json<Run>().run_id));
    expect(ids.size).toBe(1);
    expect(new Set(answers.map(({ headers }) => headers.get("location"))).size).toBe(1);
    expect((await list("q=once")).length).toBe(1);
    const other = await create({ name: "another" });
    expect([other.status, other.json().code]).toEqual([422, "IDEMPOTENCY_MISMATCH"]);
    const [runId = ""] = ids;
    await api.complete(runId);
    await inspected.archived(runId);
    expect((await create({ name: "once" })).json<Run>()).toMatchObject({ run_id: runId, status: "succeeded" });
  });
});

test("[APP16] [APP17] a producer's numbers: repeats, gaps, epochs, and a batch sent many times at once", async () => {
  const { run_id } = await api.createRun();
  const body = ndjson([consoleLine("once")]);
  const same = await Promise.all(Array.from({ length: 20 }, () => api.append(run_id, body, numbered("p", 0, 1))));
  expect(same.map(({ status }) => status)).toEqual(same.map(() => 200));
  expect(same.filter((answer) => !answer.json<AppendAnswer>().duplicate)).toHaveLength(1);
  expect(new Set(same.map((answer) => answer.json<AppendAnswer>().first_sequence)).size).toBe(1);
  const gap = await api.append(run_id, body, numbered("p", 0, 3));
  expect(gap.json()).toMatchObject({ status: 409, code: "PRODUCER_GAP", expected: 2 });
  // A newer epoch begins again at 1 and fences the one before.
  await api.add(run_id, [consoleLine("newer")], numbered("p", 7, 1));
  expect((await api.append(run_id, body, numbered("p", 0, 1))).json().code).toBe("PRODUCER_FENCED");
  const producer = new NumberedProducer(api, run_id, "another");
  await producer.deliver(3);
  const messages = (await api.lines(run_id, "types=console.line")).map((line) => JSON.parse(line).payload.message);
  expect(messages).toEqual(["once", "newer", "another 1.0", "another 1.1", "another 1.2"]);
});
