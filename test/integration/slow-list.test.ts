import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiSocket } from "../support/api-socket.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { waitUntil } from "../support/wait-until.ts";

let inspected: InspectedServer;
beforeAll(async () => {
  inspected = await startInspectedServer();
});
afterAll(() => inspected.remove());

test("a watcher of the list that reads nothing is closed instead of held in memory without end, and nobody else notices", async () => {
  const { api } = inspected;
  const list = "/api/workspaces/default/live";
  const [slow, good] = [new ApiSocket(api, list), new ApiSocket(api, list)];
  await waitUntil("both are greeted", () => [slow, good].every(({ frames }) => frames[0]?.op === "hello"));
  slow.socket.pause();
  // Each change tells the list 60 kB that cannot be compressed. The machine's own buffers take some megabytes before anything waits in the server.
  const changes = 300;
  const { run_id } = await api.createRun({ parameters: { text: randomBytes(45_000).toString("base64") } });
  for (let change = 0; change < changes; change += 1)
    await api.ask("PATCH", `/api/runs/${run_id}`, { body: { name: `change ${change}` } });
  const told = ({ frames }: ApiSocket): number => frames.filter(({ op }) => op === "run").length;
  await waitUntil("who reads is told the last change", () =>
    JSON.stringify(good.frames.at(-1)).includes(`change ${changes - 1}`),
  );
  slow.socket.resume();
  expect(await slow.closed()).toEqual({ code: 4408, reason: "too slow; connect again" });
  expect(told(slow)).toBeLessThan(told(good));
});
