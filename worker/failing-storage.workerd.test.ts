import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, expect, test, vi, type MockInstance } from "vitest";
import type { AppendAnswer, Problem, Run } from "../protocol/api.ts";
import { call, listen, seedTokens, tokenOf } from "../test/workerd/api.ts";
import { createRun } from "../test/workerd/runs.ts";

beforeAll(seedTokens);

let log: MockInstance<typeof console.error>;
beforeEach(() => {
  log = vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => log.mockRestore());

/** From here on the object's own database takes no row that begins behind this sequence, and says what it says when the disk is full. */
const breakStorage = (runId: string, after: number): Promise<void> =>
  runInDurableObject(env.RUNS.getByName(runId), (_object, { storage }) => {
    storage.sql.exec(
      `CREATE TRIGGER broken BEFORE INSERT ON batches WHEN NEW.first_sequence > ${after} BEGIN SELECT RAISE(ABORT, 'database or disk is full: SQLITE_FULL'); END`,
    );
  });
const mendStorage = (runId: string): Promise<void> =>
  runInDurableObject(env.RUNS.getByName(runId), (_object, { storage }) => {
    storage.sql.exec("DROP TRIGGER broken");
  });

const append = (runId: string, number: number, messages: string[]): Promise<Response> =>
  call("POST", `/api/runs/${runId}/events`, {
    as: "operator",
    body: messages
      .map((message) => `${JSON.stringify({ type: "console.line", payload: { stream: "stdout", message } })}\n`)
      .join(""),
    headers: {
      "content-type": "application/x-ndjson",
      "producer-id": "p",
      "producer-epoch": "0",
      "producer-sequence": String(number),
    },
  });
const readLog = async (runId: string): Promise<string> =>
  (await call("GET", `/api/runs/${runId}/events`, { as: "viewer" })).text();

// The second is three rows: what fails is not the first.
test.each([
  ["a batch", ["refused for now"], 0],
  ["a later row of a large batch", Array.from({ length: 12 }, (_, at) => `${at}`.padEnd(200_000, "x")), 8],
])(
  "[APP23] [RUN1] the object's storage fails at %s: 503, nothing stored, told or used up",
  async (_what, messages, rows) => {
    const { run_id: runId } = await createRun();
    expect((await append(runId, 1, ["before"])).status).toBe(200);
    const before = await readLog(runId);
    const watching = listen(
      await call("GET", `/api/runs/${runId}/live`, {
        headers: {
          upgrade: "websocket",
          authorization: `Bearer ${tokenOf("viewer")}`,
          "sec-websocket-protocol": "runcast.v1",
        },
      }),
    );
    await vi.waitFor(() => expect(watching.frames.map(({ op }) => op)).toContain("caught_up"));

    await breakStorage(runId, rows);
    for (let tries = 0; tries < 3; tries += 1) {
      const refused = await append(runId, 2, messages);
      expect(refused.status).toBe(503);
      expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
      expect((await refused.json<Problem>()).code).toBe("STORAGE_UNAVAILABLE");
    }
    expect(await readLog(runId)).toBe(before);
    const run = await (await call("GET", `/api/runs/${runId}`, { as: "viewer" })).json<Run>();
    expect(run.last_sequence).toBe(3);

    await mendStorage(runId);
    const taken = await (await append(runId, 2, messages)).json<AppendAnswer>();
    expect(taken).toMatchObject({ first_sequence: 4, last_sequence: 3 + messages.length, duplicate: false });
    const lines = (await readLog(runId)).trimEnd().split("\n");
    expect(lines.length).toBe(taken.last_sequence);
    const told = lines.map((line): unknown => JSON.parse(line));
    await vi.waitFor(() => {
      const seen = watching.frames.filter(({ op }) => op === undefined);
      watching.socket.send(JSON.stringify({ op: "ack", sequence: seen.length }));
      expect(seen).toEqual(told);
    });
  },
);
