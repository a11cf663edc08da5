import { afterAll, beforeAll, expect, test } from "vitest";
import { RuncastApi } from "../../client/api.ts";
import { NodeWebSocket } from "../../client/node-web-socket.ts";
import { orThrow } from "../../client/runcast-error.ts";
import { watchWorkspace } from "../../client/watch-workspace.ts";
import { Api } from "../support/api.ts";
import { runcast } from "../support/command-line.ts";
import { removeServers, startServer, type ServerProcess } from "../support/server-process.ts";
import { waitUntil } from "../support/wait-until.ts";

let server: ServerProcess;
let api: Api;
beforeAll(async () => {
  server = await startServer();
  api = new Api(server.url, server.token);
});
afterAll(removeServers);

const TEXT = String.raw`{"id":12345678901234567890,"rate":0.1000000000000000055,"huge":1e400,"__proto__":{"ids":[9007199254740993]},"name":"a\"b"}`;

test("[EVT3] [EVT4] digits and names of parameters come through the client and the command line as they were given, of an open run and an ended one", async () => {
  const client = new RuncastApi({ url: server.url, token: server.token });
  const told: string[] = [];
  const watch = watchWorkspace({
    url: server.url,
    token: server.token,
    workspaceId: "default",
    webSocket: NodeWebSocket,
    onRun: (run) => told.push(run.parameters_text),
    onRunDeleted: () => {},
  });
  const created = orThrow(await client.createRun("default", { name: "digits", parameters_text: TEXT }, "digits"));
  const everywhere = async (): Promise<string[]> => {
    const one = orThrow(await client.getRun(created.run_id));
    const { items } = orThrow(await client.listRuns("default", { q: "digits" }));
    const edited = orThrow(await client.editRun(created.run_id, { pinned: true }));
    return [one, ...items, edited].map(({ parameters_text }) => parameters_text);
  };
  expect(created.parameters_text).toBe(TEXT);
  expect(await everywhere()).toEqual([TEXT, TEXT, TEXT]);
  await waitUntil("the workspace's socket tells the run", () => told.length > 0);
  await api.complete(created.run_id);
  expect(await everywhere()).toEqual([TEXT, TEXT, TEXT]);
  expect(new Set(told)).toEqual(new Set([TEXT]));
  watch.stop();

  const list = runcast(server, ["list", "--json"]);
  list.runId.catch(() => {});
  expect(await list.exited).toBe(0);
  const { stdout } = list.output();
  expect(stdout.replaceAll(/\n */g, "").replaceAll('": ', '":')).toContain(`"parameters":${TEXT}`);
  expect(JSON.parse(stdout)).toMatchObject([{ run_id: created.run_id, status: "succeeded" }]);
});

test("[EVT3] digits and names that are typed to the command line come as they were typed", async () => {
  const typed = ["id:=12345678901234567890", "huge:=1e400", "__proto__:=[0.1000000000000000055]", 'name=a"b'];
  const job = runcast(server, ["run", ...typed.flatMap((text) => ["--param", text]), "--", "true"]);
  expect(await job.exited).toBe(0);
  const client = new RuncastApi({ url: server.url, token: server.token });
  const run = orThrow(await client.getRun(await job.runId));
  expect(run.parameters_text).toBe(
    String.raw`{"id":12345678901234567890,"huge":1e400,"__proto__":[0.1000000000000000055],"name":"a\"b"}`,
  );
});
