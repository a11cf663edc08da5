import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { consoleLine, sequenceOf, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { ProducerSocket } from "../support/producer-socket.ts";
import { SseReader } from "../support/sse.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher } from "../support/watcher.ts";

/** Everything that the contract gives a time. They wait together, because each would cost the suite half a minute. */

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

const typesOf = async (runId: string): Promise<string[]> =>
  (await api.lines(runId)).map((line) => JSON.parse(line).type).filter((type) => type !== "console.line");

/** 3 MB: three windows of a watcher. */
async function fill(runId: string): Promise<void> {
  for (let batch = 0; batch < 3; batch += 1) {
    await api.add(
      runId,
      Array.from({ length: 1_000 }, (_, at) => consoleLine(`${batch}.${at} ${"x".repeat(1_000)}`)),
    );
  }
}

/** `since`: a moment before it could be full. How late a busy machine shows that it is says nothing of the server. */
async function expectTooSlow(runId: string, watcher: Watcher, since: number): Promise<void> {
  await waitUntil("it is full", () => watcher.bytes > 900 * 1024);
  const { code, reason } = await watcher.closed(45_000);
  expect(Date.now() - since).toBeGreaterThan(29_900);
  expect([code, reason]).toEqual([4408, `resume after ${watcher.last}`]);
  expect(watcher.bytes).toBeLessThanOrEqual(1024 * 1024);
  const rest = new Watcher(api, runId, { after: Number(reason.slice("resume after ".length)) });
  await rest.got("caught_up");
  rest.cut();
  expect([...watcher.lines, ...rest.lines].map(sequenceOf)).toEqual((await api.lines(runId)).map(sequenceOf));
}

describe.concurrent("deadlines", () => {
  test("[SOC4] a watcher that acknowledges nothing is closed after 30 s and told where to go on; nobody else waits", async () => {
    const { run_id } = await api.createRun();
    const silent = new Watcher(api, run_id, { ack: "never" });
    const good = new Watcher(api, run_id, { ack: 50 });
    await silent.got("caught_up");
    const since = Date.now();
    await fill(run_id);
    await waitUntil("the good one has everything", () => good.last === 3_002, { timeoutMs: 10_000 });
    await expectTooSlow(run_id, silent, since);
    good.cut();
  });

  test("[SOC4] so is one of a finished run", async () => {
    const { run_id } = await api.createRun();
    await fill(run_id);
    await api.complete(run_id);
    await inspected.archived(run_id);
    await expectTooSlow(run_id, new Watcher(api, run_id, { ack: "never" }), Date.now());
  });

  test("one that does not even read keeps neither the run's object nor anybody else", async () => {
    const { run_id } = await api.createRun();
    const deaf = new Watcher(api, run_id, { ack: "never" });
    await deaf.got("caught_up");
    deaf.socket.pause();
    await fill(run_id);
    await api.complete(run_id);
    // Its closing is never answered, and yet the run is archived and its object emptied.
    await sleep(33_000);
    await inspected.forgetCounts();
    const repeat = await api.append(run_id, "late");
    expect(repeat.status).toBe(409);
    // Only an object that holds the run no more makes the Worker ask D1.
    expect((await inspected.counts()).statements.some((sql) => sql.includes("runs"))).toBe(true);
    deaf.cut();
  });

  test("a reader of server-sent events that leaves is forgotten with the next comment", async () => {
    const { run_id } = await api.createRun();
    const watcher = new Watcher(api, run_id);
    const count = () => watcher.controls.findLast(({ op }) => op === "presence")?.["count"];
    const kept = new SseReader(api, run_id);
    const stream = new SseReader(api, run_id);
    await waitUntil("all are seen", () => count() === 3);
    stream.leave();
    await waitUntil("the one that left is gone", () => count() === 2, { timeoutMs: 25_000 });
    expect(kept.comments.length).toBeGreaterThan(0);
    kept.leave();
    watcher.cut();
  });

  test("cancel asks a producer that is there, and ends the run itself 30 s later", async () => {
    const { run_id } = await api.createRun();
    await api.add(run_id, [consoleLine("there")]);
    const producer = new ProducerSocket(api, run_id);
    await producer.frame(0);
    const asked = await api.ask("POST", `/api/runs/${run_id}/cancel`, { body: { reason: "enough" } });
    const askedAt = Date.now();
    expect([asked.status, asked.json<{ status: string }>().status]).toEqual([202, "running"]);
    const control = await producer.frame(1);
    expect(control).toEqual({
      op: "control",
      control_id: expect.any(String),
      action: "cancel",
      by: "administrator",
      reason: "enough",
    });
    const { op: _op, ...request } = control;
    // Whoever has no socket learns of it with each answer.
    expect((await api.add(run_id, [consoleLine("still there")])).control).toEqual([request]);
    const beat = await api.ask("POST", `/api/runs/${run_id}/heartbeat`);
    expect([beat.status, beat.json()]).toEqual([200, { control: [request] }]);
    // Asked again: the same request, not another.
    expect((await api.ask("POST", `/api/runs/${run_id}/cancel`)).status).toBe(202);
    expect((await api.lines(run_id, "types=control.requested")).map((line) => JSON.parse(line).payload)).toEqual([
      request,
    ]);
    await api.add(run_id, [
      { type: "control.acknowledged", payload: { control_id: control["control_id"], outcome: "stopping" } },
    ]);
    expect((await api.ask("POST", `/api/runs/${run_id}/heartbeat`)).json()).toEqual({ control: [] });

    await waitUntil("the server ends it", async () => (await api.run(run_id)).status === "cancelled", {
      timeoutMs: 40_000,
      everyMs: 500,
    });
    expect(Date.now() - askedAt).toBeGreaterThan(28_000);
    expect((await typesOf(run_id)).at(-1)).toBe("run.completed");
    producer.socket.close();
  });

  test("with no producer a cancel ends the run at once, and by force with one", async () => {
    const forced = await api.createRun();
    await api.add(forced.run_id, [consoleLine("there")]);
    const answer = await api.ask("POST", `/api/runs/${forced.run_id}/cancel?force=true`);
    expect([answer.status, answer.json<{ status: string }>().status]).toEqual([202, "cancelled"]);
    expect(await typesOf(forced.run_id)).toEqual(["run.queued", "run.started", "control.requested", "run.completed"]);
    expect((await api.ask("POST", `/api/runs/${forced.run_id}/cancel`)).status).toBe(200);
    expect((await api.append(forced.run_id, "late")).json().code).toBe("RUN_ENDED");

    const left = await api.createRun();
    await api.add(left.run_id, [consoleLine("gone since")]);
    await sleep(31_000);
    const alone = await api.ask("POST", `/api/runs/${left.run_id}/cancel`);
    expect([alone.status, alone.json<{ status: string }>().status]).toEqual([202, "cancelled"]);
  });

  test("a lease that runs out is told, its producer may return, and else the run ends", async () => {
    const { run_id } = await api.createRun({ lease_seconds: 10, end_after_seconds: 3 });
    const watcher = new Watcher(api, run_id);
    await api.add(run_id, [consoleLine("first")]);
    await waitUntil("it is lost", () => watcher.lines.some((line) => line.includes('"producer.lost"')));
    expect((await api.run(run_id)).stale).toBe(true);
    await api.add(run_id, [consoleLine("back")]);
    expect((await api.run(run_id)).stale).toBe(false);
    await waitUntil("it ends", () => watcher.control("end") !== undefined, { timeoutMs: 25_000 });
    expect(await typesOf(run_id)).toEqual([
      "run.queued",
      "run.started",
      "producer.lost",
      "producer.returned",
      "producer.lost",
      "run.completed",
    ]);
    expect(await api.run(run_id)).toMatchObject({ status: "failed", stale: false, failure: { code: "PRODUCER_LOST" } });
    // The producer's own line stands behind the word that it is back.
    const lines = watcher.lines.map((line) => JSON.parse(line));
    expect(lines.findIndex(({ payload }) => payload.message === "back")).toBe(5);
  });
});
