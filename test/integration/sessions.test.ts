import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiSocket } from "../support/api-socket.ts";
import { consoleLine, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { alarmOf } from "../support/object-storage.ts";
import { shortSession } from "../support/short-session.ts";
import { waitUntil } from "../support/wait-until.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

test("[SOC9] [SES1] when a session ends every socket opened in it is closed with 4401, hibernating or not, on every route; a token's stay", async () => {
  const open = (await api.createRun()).run_id;
  const large = (await api.createRun()).run_id;
  for (let batch = 0; batch < 3; batch += 1)
    await api.add(
      large,
      Array.from({ length: 1_000 }, (_, at) => consoleLine(`${at} ${"x".repeat(1_000)}`)),
    );
  await api.complete(large);
  await inspected.archived(large);

  const { cookie, expiresAt } = await shortSession(inspected, 8_000);
  const paths = {
    live: `/api/runs/${open}/live`,
    "live, hibernating": `/api/runs/${open}/live?stay=true`,
    produce: `/api/runs/${open}/produce?producer_id=p&producer_epoch=0`,
    workspace: "/api/workspaces/default/live",
    // It acknowledges nothing, so its history waits.
    replayed: `/api/runs/${large}/live`,
    "staying after the end": `/api/runs/${large}/live?stay=true&after_sequence=3000`,
  };
  const sockets = Object.entries(paths).map(([what, path]) => {
    const socket = new ApiSocket(api, path, { cookie, origin: api.url });
    const closedAt = socket.closed().then(() => Date.now());
    return { what, socket, closedAt };
  });
  const tokens = Object.values(paths).map((path) => new ApiSocket(api, path));
  for (const socket of [...sockets.map((each) => each.socket), ...tokens]) await socket.op("hello");
  const stream = fetch(`${api.url}/api/runs/${open}/events?stream=true`, { headers: { cookie } });
  const streamed = stream.then((response) => response.text());

  // Nobody says anything any more, and no object is in memory.
  await sleep(1_500);
  for (const runId of [open, large]) await inspected.evict(runId, "hibernate");
  await inspected.evictWorkspace("default");
  expect(sockets.map(({ socket }) => socket.closing)).toEqual(sockets.map(() => null));
  for (const { what, socket, closedAt } of sockets) {
    const late = (await closedAt) - expiresAt;
    expect([what, socket.closing]).toEqual([what, { code: 4401, reason: "the session has expired; sign in again" }]);
    expect([what, late > -50 && late < 3_000]).toEqual([what, true]);
  }
  // A stream ends as one whose connection was cut, without saying that the run has.
  expect(await streamed).not.toContain("event: end");
  expect(tokens.map((socket) => socket.closing)).toEqual(tokens.map(() => null));
  for (const socket of tokens) socket.close();
  // Who comes again is told at the door.
  const again = new ApiSocket(api, paths.live, { cookie, origin: api.url });
  expect((await again.closed()).code).toBe(4401);
});

test("[SES1] with the last socket of a session its alarm goes: an idle object has none", async () => {
  const { run_id } = await api.createRun();
  await api.complete(run_id);
  await inspected.archived(run_id);
  const { cookie, expiresAt } = await shortSession(inspected, 60_000);
  const socket = new ApiSocket(api, `/api/runs/${run_id}/live?stay=true`, { cookie });
  await socket.op("end");
  await waitUntil("the alarm is set", () => alarmOf(inspected.data, run_id) !== null);
  expect(Math.abs((alarmOf(inspected.data, run_id) ?? 0) - expiresAt)).toBeLessThan(5);
  await inspected.evict(run_id, "hibernate");
  socket.close();
  await waitUntil("the alarm is gone", () => alarmOf(inspected.data, run_id) === null);
});
