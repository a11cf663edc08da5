import { afterAll, beforeAll, expect, test } from "vitest";
import { RUN_STATUSES, STATUS_MOVES, type RunStatus } from "../../protocol/run-status.ts";
import { Api, consoleLine, ndjson, type SentEvent } from "../support/api.ts";
import { removeServers, startServer } from "../support/server-process.ts";

let api: Api;
beforeAll(async () => {
  const server = await startServer();
  api = new Api(server.url, server.token);
});
afterAll(removeServers);

/** A new run, brought to the status. */
async function runThatIs(status: RunStatus): Promise<string> {
  const { run_id } = await api.createRun();
  if (status === "building") await api.add(run_id, [{ type: "build.started" }]);
  else if (status !== "queued") await api.add(run_id, [{ type: "run.started" }]);
  if (status === "succeeded" || status === "failed" || status === "cancelled") await api.complete(run_id, status);
  expect((await api.run(run_id)).status).toBe(status);
  return run_id;
}

/** What a producer sends to move a run there. Nothing moves one to queued. */
function eventTo(status: RunStatus): SentEvent {
  switch (status) {
    case "queued":
      return { type: "run.queued", payload: { parameters: {} } };
    case "building":
      return { type: "build.started" };
    case "running":
      return { type: "run.started" };
    case "succeeded":
    case "failed":
    case "cancelled":
      return { type: "run.completed", payload: { status } };
  }
}

const PAIRS = RUN_STATUSES.flatMap((from) => RUN_STATUSES.map((to) => ({ from, to })));
const isOpen = (status: RunStatus): boolean => STATUS_MOVES[status].length > 0;

/** The answer to the move, and the status that the run then has. */
function expected(from: RunStatus, to: RunStatus): [status: number, code: string | null, then: RunStatus] {
  if (to === "queued") return isOpen(from) ? [422, "RESERVED_TYPE", from] : [409, "RUN_ENDED", from];
  if (!isOpen(from)) return [409, "RUN_ENDED", from];
  // The server writes the run.started that is missing before a success.
  if (to === "succeeded") return [200, null, to];
  if (STATUS_MOVES[from].includes(to) || from === to) return [200, null, to];
  return [409, "ILLEGAL_MOVE", from];
}

test("there are 36 pairs", () => expect(PAIRS).toHaveLength(36));

test.concurrent.each(PAIRS)("$from → $to", async ({ from, to }) => {
  const runId = await runThatIs(from);
  const before = (await api.read(runId)).text;
  const [status, code, then] = expected(from, to);
  // A good line before it: the batch is refused whole.
  const answer = await api.append(runId, ndjson([consoleLine("before"), eventTo(to)]));
  // A queued run is started by the line, so that it cannot be built any more.
  if (from === "queued" && to === "building") expect(answer.status).toBe(200);
  expect([answer.status, status === 200 ? null : answer.json().code]).toEqual([status, code]);
  expect((await api.run(runId)).status).toBe(then);
  const after = (await api.read(runId)).text;
  if (status === 200) expect(after.startsWith(before) && after.length > before.length).toBe(true);
  else expect(after).toBe(before);
});

test("after the end nothing is added, by whatever way", async () => {
  for (const status of ["succeeded", "failed", "cancelled"] as const) {
    const runId = await runThatIs(status);
    const before = (await api.read(runId)).text;
    const late = await Promise.all([
      api.append(runId, "late"),
      api.append(runId, ""),
      api.append(runId, ndjson([{ type: "run.completed", payload: { status: "failed" } }])),
      api.ask("POST", `/api/runs/${runId}/heartbeat`),
    ]);
    expect(late.map((answer) => [answer.status, answer.json().code])).toEqual(late.map(() => [409, "RUN_ENDED"]));
    const cancel = await api.ask("POST", `/api/runs/${runId}/cancel?force=true`);
    expect([cancel.status, status === "cancelled" ? null : cancel.json().code]).toEqual(
      status === "cancelled" ? [200, null] : [409, "RUN_NOT_CANCELLABLE"],
    );
    expect((await api.read(runId)).text).toBe(before);
  }
});

test("of two that end a run at once, one does", async () => {
  for (let round = 0; round < 5; round += 1) {
    const { run_id } = await api.createRun();
    await api.add(run_id, [consoleLine("x")]);
    const ends = await Promise.all(
      (["succeeded", "failed", "cancelled"] as const).map((status) =>
        api.append(run_id, ndjson([{ type: "run.completed", payload: { status } }])),
      ),
    );
    expect(ends.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
    const types = (await api.lines(run_id)).map((line) => JSON.parse(line).type);
    expect(types).toEqual(["run.queued", "run.started", "console.line", "run.completed"]);
  }
});

test("[TYP4] [SUM6] run.completed is completed by the server, and the run, its list and its summary say the same at once", async () => {
  const { run_id } = await api.createRun({ name: "says the same", labels: { team: "a" } });
  await api.add(run_id, [
    { type: "step.started", step: "one", payload: { name: "One" } },
    { type: "run.progress", payload: { percent: 50, items_processed: 1, items_total: 2 } },
    { type: "run.error", payload: { code: "BROKEN", message: "it broke", stage: "build" } },
  ]);
  const completed = { status: "failed", exit_code: 3, mine: "is dropped", execution: { exit_code: 9 } };
  await api.add(run_id, [{ type: "run.completed", payload: completed, source: "cli" }]);

  const run = await api.run(run_id);
  expect(run).toMatchObject({
    status: "failed",
    exit_code: 3,
    failure: { code: "BROKEN", message: "it broke", stage: "build" },
  });
  const last = JSON.parse((await api.lines(run_id)).at(-1) ?? "");
  expect(Object.keys(last)).toEqual(["sequence", "type", "created_at", "source", "payload"]);
  expect(Object.keys(last.payload)).toEqual(["status", "failure", "execution", "artifacts", "summary"]);
  const { execution, artifacts } = last.payload;
  expect(execution).toEqual({
    exit_code: 3,
    started_at: run.started_at,
    completed_at: run.completed_at,
    duration_ms: run.duration_ms,
  });
  expect(artifacts).toEqual({ events_path: `workspaces/default/runs/${run_id}/logs/events.ndjson`, output_paths: [] });
  expect((await api.ask("GET", `/api/runs/${run_id}/summary`)).json()).toEqual(last.payload.summary);
  const list = await api.ask("GET", "/api/workspaces/default/runs?status=failed&label=team:a");
  expect(list.json<{ items: unknown[] }>().items).toEqual([run]);
  expect(run.created_at <= (run.started_at ?? "") && (run.started_at ?? "") <= (run.completed_at ?? "")).toBe(true);
});
