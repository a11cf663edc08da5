import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, expect, test, vi, type MockInstance } from "vitest";
import { eventPageSchema, type Run } from "../protocol/api.ts";
import { parseExposition } from "../test/support/exposition.ts";
import { call, listen, seedTokens } from "../test/workerd/api.ts";

const WS = "skipped";
beforeAll(async () => {
  await seedTokens();
  await call("PUT", `/api/workspaces/${WS}`, { as: "administrator" });
});

let warn: MockInstance<typeof console.warn>;
beforeEach(() => {
  warn = vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => warn.mockRestore());

const logged = (): Record<string, unknown>[] =>
  warn.mock.calls
    .map(([line]): Record<string, unknown> => JSON.parse(String(line)))
    .filter(({ event }) => event === "skipped");

async function create(): Promise<string> {
  return (await (await call("POST", `/api/workspaces/${WS}/runs`, { as: "operator", json: {} })).json<Run>()).run_id;
}
const append = (runId: string, body: string) =>
  call("POST", `/api/runs/${runId}/events`, {
    as: "operator",
    body,
    headers: { "content-type": "application/x-ndjson" },
  });

/** Overwrites these lines of what is stored, as a disk does. */
async function damage(key: string, sequences: number[]): Promise<void> {
  const stored = (await (await env.ARCHIVE.get(key))?.text()) ?? "";
  const lines = stored.split("\n").map((line, at) => (sequences.includes(at + 1) ? "\0".repeat(line.length) : line));
  await env.ARCHIVE.put(key, lines.join("\n"));
}

/** An ended run of 13 lines, of which 4, 5 and 9 are damaged. */
async function damagedRun(): Promise<string> {
  const runId = await create();
  await append(runId, "line\n".repeat(10));
  await append(runId, '{"type":"run.completed","payload":{"status":"succeeded"}}');
  await vi.waitFor(async () => expect(await env.RUNS.getByName(runId).describe()).toEqual({ kind: "unknown" }), 10_000);
  await damage(`workspaces/${WS}/runs/${runId}/logs/events.ndjson`, [4, 5, 9]);
  return runId;
}

const skippedLines = async (): Promise<number | undefined> => {
  const text = await (await call("GET", "/api/metrics", { as: "operator" })).text();
  return parseExposition(text).find(
    ({ name, labels }) => name === "runcast_skipped" && labels["workspace"] === WS && labels["what"] === "line",
  )?.value;
};

test.each([
  ["as text", "format=text", { first: 4, last: 9, lines: 3 }],
  ["as a page", "format=json", { first: 4, last: 9, lines: 3 }],
  ["as a page of some", "format=json&limit=5&after_sequence=4", { first: 5, last: 9, lines: 2 }],
  ["as a page that ends before more of it", "format=json&limit=6", { first: 4, last: 5, lines: 2 }],
  ["as text that ends before more of it", "format=text&limit=6", { first: 4, last: 5, lines: 2 }],
  ["as server-sent events", "stream=true", { first: 4, last: 9, lines: 3 }],
  ["as the last of a type, read twice", "format=text&types=console.*&tail=2", { first: 4, last: 9, lines: 3 }],
  ["as the types that are asked for", "format=text&types=run.*,console.line", { first: 4, last: 9, lines: 3 }],
])("[READ4] damage that is read %s is one line of the log", async (_how, query, expected) => {
  const runId = await damagedRun();
  const answer = await call("GET", `/api/runs/${runId}/events?${query}`, { as: "viewer" });
  await answer.text();
  expect(logged()).toEqual([
    {
      at: expect.any(String),
      level: "warning",
      event: "skipped",
      what: "line",
      request_id: answer.headers.get("x-request-id"),
      run_id: runId,
      workspace_id: WS,
      ...expected,
    },
  ]);
});

test("[TML1] [READ4] of types that the timeline has nothing is left out, and so nothing is told of damage between them", async () => {
  const runId = await damagedRun();
  const answer = await call("GET", `/api/runs/${runId}/events?types=run.*&format=json`, { as: "viewer" });
  expect(answer.headers.get("runcast-damaged")).toBeNull();
  const { items, next_after_sequence } = eventPageSchema.parse(await answer.json());
  expect(items.map(({ type }) => type)).toEqual(["run.queued", "run.started", "run.completed"]);
  expect(next_after_sequence).toBe(13);
  expect(logged()).toEqual([]);
});

test("[READ4] a plain download leaves nothing out, and a sound part has nothing to tell", async () => {
  const runId = await damagedRun();
  for (const query of [
    "",
    "after_sequence=2",
    "format=json&after_sequence=9",
    "format=json&limit=3",
    "format=text&limit=3",
  ])
    await (await call("GET", `/api/runs/${runId}/events?${query}`, { as: "viewer" })).text();
  expect(logged()).toEqual([]);
});

test("[READ4] [MET1] a socket that replays it says so once, and the numbers keep the most that a reader met", async () => {
  const before = (await skippedLines()) ?? 0;
  const runId = await damagedRun();
  const watch = async (after: number): Promise<void> => {
    const headers = { upgrade: "websocket" };
    await listen(await call("GET", `/api/runs/${runId}/live?after_sequence=${after}`, { as: "viewer", headers }))
      .closed;
  };
  await watch(8);
  await vi.waitFor(async () => expect(await skippedLines()).toBe(before + 1));
  await watch(0);
  await vi.waitFor(async () => expect(await skippedLines()).toBe(before + 3));
  await watch(8);
  expect(logged()).toMatchObject([
    { run_id: runId, first: 9, last: 9, lines: 1 },
    { run_id: runId, first: 4, last: 9, lines: 3 },
    { run_id: runId, first: 9, last: 9, lines: 1 },
  ]);
  expect(await skippedLines()).toBe(before + 3);
});

test("[READ4] a run's object says it once of a segment, however many watchers read it", async () => {
  const runId = await create();
  await append(runId, `${"x".repeat(120_000)}\n`.repeat(12));
  const segment = async (): Promise<string | undefined> =>
    (await env.ARCHIVE.list({ prefix: `workspaces/${WS}/runs/${runId}/logs/segments/` })).objects[0]?.key;
  await vi.waitFor(async () => expect(await segment()).toBeDefined(), 10_000);
  await damage((await segment()) ?? "", [3]);
  for (const _watcher of [1, 2]) {
    const watcher = listen(
      await call("GET", `/api/runs/${runId}/live`, { as: "viewer", headers: { upgrade: "websocket" } }),
    );
    await vi.waitFor(() => expect(watcher.frames).toContainEqual({ op: "damaged", first: 3, last: 3 }));
    watcher.socket.close();
  }
  expect(logged()).toMatchObject([{ what: "line", run_id: runId, workspace_id: WS, first: 3, last: 3, lines: 1 }]);
});
