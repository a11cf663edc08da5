import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { watchRun } from "../../client/watch-run.ts";
import { backUp } from "../../local/backup.ts";
import { openStateFolder } from "../../local/state-folder.ts";
import { Api } from "../support/api.ts";
import { HeededWebSocket } from "../support/heed-socket.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";

afterEach(removeServers);

const sequencesOf = (text: string): number[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line): number => JSON.parse(line).sequence);
const upTo = (head: number) => Array.from({ length: head }, (_, index) => index + 1);

async function readLog(api: Api, runId: string): Promise<string> {
  return (await api.ask("GET", `/api/runs/${runId}/events`)).text;
}

/** Writes until it is told to stop; answers with the last sequence that was acknowledged at each moment. */
function keepWriting(api: Api, runId: string) {
  const state = { acknowledged: 0, stop: false };
  const done = (async () => {
    for (let batch = 0; !state.stop; batch += 1) {
      const lines = Array.from({ length: 40 }, (_, index) => `${batch}.${index} ${"x".repeat(500)}\n`).join("");
      const answer = await api.append(runId, lines);
      if (answer.status !== 200) throw new Error(answer.text);
      state.acknowledged = answer.json<{ last_sequence: number }>().last_sequence;
    }
  })();
  return { state, done };
}

async function endRun(api: Api, runId: string): Promise<void> {
  await api.add(runId, [{ type: "run.completed", payload: { status: "succeeded" } }]);
}

test("a backup made while producers write: nothing acknowledged before it is missing, and nobody was cut off", async () => {
  const server = await startServer();
  const api = new Api(server.url, server.token);
  const ended = (await api.createRun({ name: "ended" })).run_id;
  await api.append(ended, "kept\n");
  await endRun(api, ended);
  const endedLog = await readLog(api, ended);
  expect(endedLog).toContain('"message":"kept"');
  const deleted = (await api.createRun({ name: "deleted later" })).run_id;
  await endRun(api, deleted);
  const open = (await api.createRun({ name: "open" })).run_id;
  const states: string[] = [];
  const watch = watchRun({
    url: server.url,
    token: server.token,
    runId: open,
    webSocket: HeededWebSocket,
    onLines: () => {},
    onState: ({ kind }) => states.push(kind),
  });
  const writer = keepWriting(api, open);
  await expect.poll(() => writer.state.acknowledged, { timeout: 30_000 }).toBeGreaterThan(2_500);

  const backup = mkdtempSync(join(tmpdir(), "runcast-backup-"));
  const copy = join(backup, "state");
  const first = await backUp(openStateFolder(server.data), copy);
  expect(first.files).toBeGreaterThan(5);
  // The same folder again, as a nightly copy is: what was deleted meanwhile must not come back.
  await expect
    .poll(async () => (await api.ask("DELETE", `/api/runs/${deleted}`)).status, { timeout: 30_000 })
    .toBe(204);
  const acknowledgedBefore = writer.state.acknowledged;
  await backUp(openStateFolder(server.data), copy);
  await expect.poll(() => writer.state.acknowledged, { timeout: 30_000 }).toBeGreaterThan(acknowledgedBefore + 200);
  writer.state.stop = true;
  await writer.done;
  await endRun(api, open);
  expect(await watch.finished).toMatchObject({ kind: "ended", lastSequence: writer.state.acknowledged + 1 });
  expect(states).not.toContain("reconnecting");
  expect(sequencesOf(await readLog(api, open))).toEqual(upTo(writer.state.acknowledged + 1));
  expect(readdirSync(copy)).not.toContain("serving.json");
  await server.stop();

  const restored = await restore(copy, backup);
  const restoredApi = new Api(restored.url, server.token);
  expect(await readLog(restoredApi, ended)).toBe(endedLog);
  const sequences = sequencesOf(await readLog(restoredApi, open));
  expect(sequences).toEqual(upTo(sequences.length));
  expect(sequences.length).toBeGreaterThanOrEqual(acknowledgedBefore);
  // It goes on where the copy was made.
  await restoredApi.append(open, "after the restore\n");
  await endRun(restoredApi, open);
  expect((await restoredApi.run(open)).last_sequence).toBe(sequences.length + 2);
  expect((await restoredApi.ask("GET", `/api/runs/${deleted}`)).status).toBe(404);
  rmSync(backup, { recursive: true, force: true });
});

/** As docs/self-host.md says: the copy, put where the state folder was. */
async function restore(copy: string, beside: string): Promise<ServerProcess> {
  const data = join(beside, "restored", "state");
  cpSync(copy, data, { recursive: true });
  return startServer({ data, home: join(beside, "config") });
}

test("of a server that does not run it is a copy; inside of itself it is refused", async () => {
  const server = await startServer();
  await server.stop();
  const folder = openStateFolder(server.data);
  const copy = join(server.data, "..", "copy");
  expect((await backUp(folder, copy)).heldMs).toBe(0);
  expect(existsSync(join(copy, "administrator-token"))).toBe(true);
  await expect(backUp(folder, join(server.data, "backup"))).rejects.toThrow("contain itself");
});
