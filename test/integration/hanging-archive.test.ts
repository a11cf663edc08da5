import { afterAll, beforeAll, expect, test } from "vitest";
import { consoleLine, messageOf, sequenceOf, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher } from "../support/watcher.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

const typesOf = async (runId: string): Promise<string[]> =>
  (await api.lines(runId)).map((line) => JSON.parse(line).type).filter((type) => type !== "console.line");

test("[ALM2] while R2 hangs, appends are acknowledged and delivered, a lease runs out and its producer comes back; then everything is archived", async () => {
  const { run_id } = await api.createRun({ lease_seconds: 10, end_after_seconds: 3_600 });
  const watcher = new Watcher(api, run_id, { ack: 50 });
  await watcher.got("caught_up");
  await inspected.delayArchive(Infinity);

  // More than a segment: its put begins, and does not come back.
  const sent: string[] = [];
  const send = async (count: number, bytes: number): Promise<void> => {
    const messages = Array.from({ length: count }, () => `${sent.length} ${"x".repeat(bytes)}`);
    await api.add(run_id, messages.map(consoleLine));
    sent.push(...messages);
  };
  await send(1_500, 1_000);
  for (let batch = 0; batch < 20; batch += 1) await send(10, 100);
  await waitUntil("the watcher has them", () => watcher.last === sent.length + 2);
  expect(await inspected.keys(run_id)).toEqual([]);

  await waitUntil("the lease has run out", async () => (await typesOf(run_id)).includes("producer.lost"), {
    timeoutMs: 40_000,
  });
  await send(10, 100);
  expect(await typesOf(run_id)).toEqual(["run.queued", "run.started", "producer.lost", "producer.returned"]);
  expect(await inspected.keys(run_id)).toEqual([]);

  await api.complete(run_id);
  expect(await api.run(run_id)).toMatchObject({ status: "succeeded" });
  await inspected.delayArchive(0);
  await inspected.archived(run_id);
  const lines = await api.lines(run_id);
  expect(lines.map(sequenceOf)).toEqual(lines.map((_, at) => at + 1));
  expect(lines.filter((line) => line.includes('"console.line"')).map(messageOf)).toEqual(sent);
  watcher.cut();
});

test("[APP22] above 64 MiB that R2 does not take the producer is told to wait: 429 with Retry-After, nothing of it stored; the same batch is taken when R2 is back, once", async () => {
  const { run_id } = await api.createRun();
  await inspected.delayArchive(Infinity);
  const bodyOf = (batch: number): string =>
    Array.from(
      { length: 4 },
      (_, at) => `${JSON.stringify(consoleLine(`${batch}.${at} ${"x".repeat(250_000)}`))}\n`,
    ).join("");
  const send = (batch: number) =>
    api.append(run_id, bodyOf(batch), {
      "producer-id": "p",
      "producer-epoch": "0",
      "producer-sequence": String(batch),
    });
  let batch = 1;
  let answer = await send(batch);
  for (; answer.status === 200 && batch < 100; answer = await send(batch)) batch += 1;
  expect(answer.status).toBe(429);
  expect(answer.json<{ code: string }>().code).toBe("UNFLUSHED_LIMIT");
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  const held = await api.run(run_id);
  expect(held.event_bytes).toBeGreaterThan(64 * 1024 * 1024);
  expect(held.event_bytes).toBeLessThan(68 * 1024 * 1024);
  // Refused again, and the run as it was.
  expect((await send(batch)).status).toBe(429);
  expect((await api.run(run_id)).last_sequence).toBe(held.last_sequence);

  await inspected.delayArchive(0);
  await waitUntil("the batch is taken", async () => (await send(batch)).status === 200, { timeoutMs: 60_000 });
  expect((await send(batch)).json()).toMatchObject({ duplicate: true });
  await api.complete(run_id);
  await inspected.archived(run_id);
  const messages = (await api.lines(run_id)).filter((line) => line.includes('"console.line"')).map(messageOf);
  expect(messages.map((message) => message.slice(0, message.indexOf(" ")))).toEqual(
    Array.from({ length: 4 * batch }, (_, at) => `${1 + Math.floor(at / 4)}.${at % 4}`),
  );
});
