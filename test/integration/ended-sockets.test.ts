import { afterAll, beforeAll, expect, test } from "vitest";
import { consoleLine, sequenceOf, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { runObjectTables } from "../support/object-storage.ts";
import { hashOf } from "../support/read-every-way.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher } from "../support/watcher.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

/** An archived run whose object is empty. */
async function archivedRun(lines = 3, width = 10): Promise<string> {
  const { run_id } = await api.createRun();
  for (let left = lines; left > 0; left -= 500)
    await api.add(
      run_id,
      Array.from({ length: Math.min(500, left) }, (_, at) => consoleLine(`${left - at} ${"x".repeat(width)}`)),
    );
  await api.complete(run_id);
  await inspected.archived(run_id);
  await waitUntil("the object is empty", async () => {
    await inspected.forgetCounts();
    await api.append(run_id, "late");
    return (await inspected.counts()).statements.length > 0;
  });
  return run_id;
}

const presence = (watcher: Watcher) => watcher.controls.findLast(({ op }) => op === "presence");

test("[ARC6] two who stay with an ended run see each other and where each looks, through a hibernation; its deletion closes both with 4404", async () => {
  const runId = await archivedRun();
  const first = new Watcher(api, runId, { query: "stay=true" });
  const second = new Watcher(api, runId, { query: "stay=true", after: 3, token: inspected.viewToken });
  const lines = await api.lines(runId);
  for (const watcher of [first, second]) {
    expect(await watcher.got("end")).toEqual({
      op: "end",
      status: "succeeded",
      last_sequence: 6,
      sha256: hashOf(lines),
    });
    expect(watcher.controls.filter(({ op }) => op !== "presence").map(({ op }) => op)).toEqual([
      "hello",
      "caught_up",
      "end",
    ]);
  }
  expect(first.lines).toEqual(lines);
  expect(second.lines).toEqual(lines.slice(3));
  await waitUntil("both see both", () => [first, second].every((watcher) => presence(watcher)?.["count"] === 2));

  await inspected.evict(runId, "hibernate");
  second.send({ op: "view", first: 2, last: 5, follow: false });
  await waitUntil("the first sees where the second looks", () =>
    JSON.stringify(presence(first)).includes('"first":2,"last":5,"follow":false'),
  );
  expect(presence(first)?.["watchers"]).toContainEqual({
    watcher_id: second.control("hello")?.["watcher_id"],
    name: "viewer",
    colour: expect.any(String),
    first: 2,
    last: 5,
    follow: false,
  });
  // One that does not stay is served without them, and closed at the end.
  const passing = new Watcher(api, runId);
  expect((await passing.closed()).code).toBe(1000);

  await inspected.evict(runId, "hibernate");
  expect((await api.ask("DELETE", `/api/runs/${runId}`)).status).toBe(204);
  for (const watcher of [first, second])
    expect(await watcher.closed()).toEqual({ code: 4404, reason: "the run was deleted" });
  const late = new Watcher(api, runId, { query: "stay=true" });
  await late.closed();
  expect(late.refusal).toMatchObject({ status: 404, code: "RUN_NOT_FOUND" });
});

test("[ARC6] who stays gets a log of many windows as it acknowledges, across hibernations; nothing of it is stored in the object", async () => {
  const runId = await archivedRun(4_000, 1_200);
  const whole = await api.lines(runId);
  const silent = new Watcher(api, runId, { query: "stay=true", ack: "never" });
  await waitUntil("it is full", () => silent.bytes > 900 * 1024);
  expect(silent.bytes).toBeLessThanOrEqual(1024 * 1024);
  let hibernations = 0;
  for (let acknowledged = 0; silent.control("end") === undefined;) {
    if (silent.last === acknowledged) await new Promise((resolve) => setTimeout(resolve, 20));
    else {
      // With everything that was sent on its way, the object is at rest.
      await new Promise((resolve) => setTimeout(resolve, 300));
      await inspected.evict(runId, "hibernate");
      hibernations += 1;
      silent.ack((acknowledged = silent.last));
    }
  }
  expect(hibernations).toBeGreaterThan(3);
  expect(silent.lines).toEqual(whole);
  expect(silent.lines.map(sequenceOf)).toEqual(whole.map((_, at) => at + 1));
  expect(silent.closing).toBeNull();
  silent.socket.close();
  await silent.closed();
  // Neither a table of ours nor, with nobody left, the alarm. An object in memory keeps its file to itself.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await inspected.evict(runId);
  expect(runObjectTables(inspected.data)).toEqual([]);
});
