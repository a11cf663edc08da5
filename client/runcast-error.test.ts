import { expect, test } from "vitest";
import { RuncastApi } from "./api.ts";
import { orThrow, RuncastError } from "./runcast-error.ts";
import { MemoryServer } from "./testing/memory-server.ts";

test("what is asked for, or an error that says what was wrong and whether to ask again", async () => {
  const server = await MemoryServer.start();
  const run = server.addRun();
  const ask = (token: string, runId: string) => new RuncastApi({ url: server.url, token }).getRun(runId).then(orThrow);
  expect(await ask(server.token, run.runId)).toMatchObject({ run_id: run.runId });
  await expect(ask("wrong", run.runId)).rejects.toThrow(RuncastError);
  await expect(ask("wrong", run.runId)).rejects.toMatchObject({
    problem: { code: "UNAUTHENTICATED", status: 401, retry: false },
  });
  await server.down();
  await expect(ask(server.token, run.runId)).rejects.toMatchObject({
    problem: { code: "UNREACHABLE", status: null, retry: true },
  });
});
