import { afterAll, beforeAll, expect, test } from "vitest";
import { consoleLine, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { ProducerSocket } from "../support/producer-socket.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

test("[SEQ6] over a produce socket too, a repeat is a duplicate after the run's object was emptied", async () => {
  const { run_id } = await api.createRun();
  const producer = new ProducerSocket(api, run_id);
  await producer.frame(0);
  producer.append(1, [consoleLine("one")]);
  const first = await producer.frame(1);
  expect(first).toMatchObject({ op: "ack", duplicate: false });
  await api.complete(run_id);
  await inspected.archived(run_id);

  producer.append(1, [consoleLine("one")]);
  expect(await producer.frame(2)).toEqual({ ...first, duplicate: true });
  producer.append(2, [consoleLine("two")]);
  expect(await producer.frame(3)).toMatchObject({ op: "error", code: "RUN_ENDED" });
  producer.socket.close();
});

test("a known run whose stored log is missing says so, in every form", async () => {
  const { run_id } = await api.createRun();
  await api.add(run_id, [consoleLine("gone")]);
  await api.complete(run_id);
  await inspected.archived(run_id);
  await inspected.bucket.delete(`workspaces/default/runs/${run_id}/logs/events.ndjson`);
  for (const query of ["", "stream=true", "format=text", "format=json", "types=console.*"]) {
    const answer = await api.read(run_id, query);
    expect([query, answer.status, answer.json<{ code: string }>().code]).toEqual([query, 410, "LOG_INCOMPLETE"]);
  }
  expect((await api.run(run_id)).status).toBe("succeeded");
});

test("a page of the last events holds at most 1,000", async () => {
  const { run_id } = await api.createRun();
  expect((await api.read(run_id, "format=json&tail=1001")).status).toBe(400);
  expect((await api.read(run_id, "format=json&tail=1000")).status).toBe(200);
});

test("headers that cannot be read are ignored or refused, and never an error of the server", async () => {
  const { run_id } = await api.createRun();
  await api.complete(run_id);
  await inspected.archived(run_id);
  for (const tag of ["abc", "W/abc", '"unclosed', '"a" "b"', "", "*,"]) {
    expect((await api.read(run_id, "", { "if-none-match": tag })).status).toBeLessThan(400);
    expect((await api.read(run_id, "", { "if-match": tag, range: tag, "if-range": tag })).status).toBe(200);
  }
});
