import { afterAll, beforeAll, expect, test } from "vitest";
import { consoleLine, messageOf } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { NumberedProducer } from "../support/numbered-producer.ts";
import { expectAcknowledged, expectSameInArchive } from "../support/read-every-way.ts";
import { FollowingWatcher } from "../support/watcher.ts";

let inspected: InspectedServer;
beforeAll(async () => {
  inspected = await startInspectedServer();
});
afterAll(() => inspected.remove());

test("20 producers × 500 events at once: 1..10,002, each once; log order is delivery order is archive order", async () => {
  const { api } = inspected;
  const { run_id } = await api.createRun();
  await api.add(run_id, [{ type: "run.started" }]);
  const watchers = Array.from({ length: 5 }, () => new FollowingWatcher(api, run_id));
  const producers = Array.from({ length: 20 }, (_, at) => new NumberedProducer(api, run_id, `producer ${at}`));

  await Promise.all(
    producers.map(async (producer) => {
      for (let batch = 0; batch < 20; batch += 1) await producer.deliver(25);
    }),
  );
  const open = await api.lines(run_id);
  expect(open).toHaveLength(10_002);
  await api.complete(run_id);

  const lines = await expectSameInArchive(inspected, run_id);
  expect(lines.slice(0, 10_002)).toEqual(open);
  expectAcknowledged(
    lines,
    producers.flatMap(({ acknowledged }) => acknowledged),
  );
  for (const watcher of watchers) {
    await watcher.ended();
    expect(watcher.lines).toEqual(lines);
  }
  // Within one producer the log keeps the order in which it sent.
  for (const producer of producers) {
    const own = lines
      .map((line) => JSON.parse(line))
      .filter(({ payload }) => payload.message?.startsWith(`${producer.id} `));
    expect(own.map(({ payload }) => payload.message)).toEqual(
      producer.acknowledged.flatMap(({ messages }) => messages),
    );
  }
});

test("the first batch alone decides whether the server writes run.started, also when twenty come at once", async () => {
  const { api } = inspected;
  const { run_id } = await api.createRun();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) => api.add(run_id, [consoleLine(`first ${at}`)])),
  );
  const lines = await api.lines(run_id);
  expect(lines.map((line) => JSON.parse(line).type)).toEqual([
    "run.queued",
    "run.started",
    ...Array.from({ length: 20 }, () => "console.line"),
  ]);
  for (const [at, { first_sequence, last_sequence, accepted }] of answers.entries()) {
    expect([first_sequence, accepted]).toEqual([last_sequence, 1]);
    expect(messageOf(lines[(first_sequence ?? 0) - 1] ?? "")).toBe(`first ${at}`);
  }
});
