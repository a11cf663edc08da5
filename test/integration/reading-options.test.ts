import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Run } from "../../protocol/api.ts";
import { consoleLine, linesOf, sequenceOf, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { textOf } from "../support/read-every-way.ts";
import { SseReader } from "../support/sse.ts";
import { waitUntil } from "../support/wait-until.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

const FUTURE = "2999-01-01T00:00:00.000Z";
const timeOf = (line: string): string => JSON.parse(line).created_at;
/** The log's time at each line. What claims to be later than now was received between its neighbours, which say the server's time. */
function logTimes(lines: string[]): string[] {
  let time = "";
  return lines.map((line) => {
    const createdAt = timeOf(line);
    if (createdAt !== FUTURE && createdAt > time) time = createdAt;
    return time;
  });
}

/** The line as `envelope=full` gives it. */
const enveloped = (line: string, run: Run): string =>
  `${line.slice(0, -1)},"event_id":"${run.run_id}/${sequenceOf(line)}","run_id":"${run.run_id}","workspace_id":"default","workflow_id":${JSON.stringify(run.workflow_id)},"schema":"runcast.event/v1"}`;

type Options = { at: string | null; types: string | null; limit: number | null; full: boolean };

function queryOf({ at, types, limit, full }: Options): string {
  const query = new URLSearchParams();
  if (at !== null) query.set("at", at);
  if (types !== null) query.set("types", types);
  if (limit !== null) query.set("limit", String(limit));
  if (full) query.set("envelope", "full");
  return query.toString();
}

function expectedOf(lines: string[], run: Run, { at, types, limit, full }: Options): string[] {
  const times = logTimes(lines);
  const first = at === null ? 0 : times.findIndex((time) => time >= at);
  const wanted = (first === -1 ? [] : lines.slice(first))
    .filter((line) => types === null || JSON.parse(line).type === types)
    .slice(0, limit ?? undefined);
  return full ? wanted.map((line) => enveloped(line, run)) : wanted;
}

/** Every HTTP form must give what the model says. */
async function expectForms(run: Run, lines: string[], options: Options): Promise<void> {
  const expected = expectedOf(lines, run, options);
  const query = queryOf(options);
  expect(await api.lines(run.run_id, query)).toEqual(expected);
  expect((await api.read(run.run_id, `${query}&format=text`)).text).toBe(textOf(expected));
  const page = await api.read(run.run_id, query, { accept: "application/json" });
  const items = /^\{"items":\[(.*)\],"next_after_sequence":(\d+)\}$/s.exec(page.text);
  expect(items?.[1]).toBe(expected.join(","));
  const isCut = options.limit !== null && expected.length === options.limit;
  expect(Number(items?.[2])).toBe(isCut ? sequenceOf(expected.at(-1) ?? "") : lines.length);
  if (run.status !== "succeeded") return;
  const sse = new SseReader(api, run.run_id, query);
  await sse.done;
  expect(sse.lines).toEqual(expected);
  expect(sse.messages.filter(({ event }) => event === null).map(({ id }) => Number(id))).toEqual(
    expected.map(sequenceOf),
  );
}

describe("one run, every option", () => {
  let run: Run;
  let lines: string[];
  beforeAll(async () => {
    run = await api.createRun({ workflow_id: "etl" });
    for (let batch = 0; batch < 6; batch += 1) {
      await api.add(run.run_id, [
        consoleLine(`${batch} ${"x".repeat(60_000)}`),
        { ...consoleLine("claims the future"), created_at: FUTURE },
        { ...consoleLine("tells of the past"), created_at: "2001-01-01T00:00:00Z" },
        { type: "x.y", payload: { n: 12345678901234567890n.toString(), nested: { "}}": {} } } },
        ...Array.from({ length: 3 }, (_, at) => consoleLine(`${batch}.${at} ${"·".repeat(40_000)}`)),
      ]);
    }
    await waitUntil("a segment is in R2", async () => (await inspected.keys(run.run_id)).length > 0);
    await api.add(run.run_id, [consoleLine("hot")]);
    lines = await api.lines(run.run_id);
  });

  const anyOptions = () =>
    fc.record({
      at: fc.option(
        fc.oneof(
          fc.constantFrom("1999-12-31T23:59:59Z", FUTURE, new Date().toISOString()),
          fc.nat(lines.length - 1).map((at) => logTimes(lines)[at] ?? ""),
        ),
      ),
      types: fc.option(fc.constantFrom("console.line", "x.y", "no.such")),
      limit: fc.option(fc.integer({ min: 1, max: 40 })),
      full: fc.boolean(),
    });

  test("[RED1] [RED8] [EVT11] while it is open, over the seam of segments and hot end", async () => {
    await fc.assert(
      fc.asyncProperty(anyOptions(), (options) => expectForms(run, lines, options)),
      { numRuns: 25 },
    );
  });

  test("[RED8] with follow it waits for its time, and misses nothing from then on", async () => {
    const waiting = await api.createRun();
    const at = new Date(Date.now() + 1_500).toISOString();
    const sse = new SseReader(api, waiting.run_id, `at=${at}`);
    const follower = api.read(waiting.run_id, `at=${at}&follow=true`);
    await api.add(waiting.run_id, [
      consoleLine("too early"),
      { ...consoleLine("claims the future"), created_at: FUTURE },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 1_700));
    expect(sse.lines).toEqual([]);
    await api.add(waiting.run_id, [consoleLine("in time")]);
    await api.complete(waiting.run_id);
    await sse.done;
    const all = await api.lines(waiting.run_id);
    const expected = all.slice(-2);
    expect(sse.lines).toEqual(expected);
    expect(linesOf((await follower).text)).toEqual(expected);
  });

  test("[RED8] [TIME1] archived: the same, though its receipts are gone with its object", async () => {
    await api.complete(run.run_id);
    await inspected.archived(run.run_id);
    run = await api.run(run.run_id);
    const before = lines;
    lines = await api.lines(run.run_id);
    expect(lines.slice(0, before.length)).toEqual(before);
    await fc.assert(
      fc.asyncProperty(anyOptions(), (options) => expectForms(run, lines, options)),
      { numRuns: 25 },
    );
  });

  test("[RED5] a Last-Event-ID beats a time", async () => {
    const sse = new SseReader(api, run.run_id, `at=${FUTURE}`, { "last-event-id": String(lines.length - 2) });
    await sse.done;
    expect(sse.lines).toEqual(lines.slice(-2));
  });

  test("a tail and a position take the envelope too", async () => {
    expect(await api.lines(run.run_id, "tail=2&envelope=full")).toEqual(
      lines.slice(-2).map((line) => enveloped(line, run)),
    );
    expect(await api.lines(run.run_id, `after_sequence=${lines.length - 1}&envelope=full`)).toEqual(
      lines.slice(-1).map((line) => enveloped(line, run)),
    );
  });

  test.each([
    "at=yesterday",
    "at=2026-02-30T00:00:00Z",
    "at=2026-11-21T00:00:00",
    "at=",
    "at=2026-11-21T00:00:00Z&after_sequence=0",
    "at=2026-11-21T00:00:00Z&from_sequence=1",
    "at=2026-11-21T00:00:00Z&tail=1",
    "at=2026-11-21T00:00:00Z&at=2026-11-21T00:00:00Z",
    "envelope=none",
    "envelope=",
    "envelope=full&envelope=full",
  ])("[ERR4] [RED8] %s is refused", async (query) => {
    const answer = await api.read(run.run_id, query);
    expect([answer.status, answer.json().code]).toEqual([400, "INVALID_QUERY"]);
  });
});

describe("creating a run and reading it in one request", () => {
  const create = (query: string, headers: Record<string, string> = {}, body: object = { name: "streamed" }) =>
    fetch(`${api.url}/api/workspaces/default/runs?${query}`, {
      method: "POST",
      headers: { authorization: `Bearer ${api.token}`, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });

  test("[RED9] the answer is 202 with its events as they come, and closes with its end", async () => {
    const answer = await create("stream=true");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([202, "text/event-stream"]);
    const location = answer.headers.get("location") ?? "";
    const runId = location.slice("/api/runs/".length);
    const text = answer.text();
    await api.add(runId, [consoleLine("one")]);
    await api.complete(runId);
    const got = await text;
    const sse = new SseReader(api, runId);
    await sse.done;
    expect(got).toBe(sse.text);
    expect(sse.lines).toHaveLength(4);
  });

  test("[RED9] a repeated key gives the events of the run it made, also when that has ended", async () => {
    const key = { "idempotency-key": crypto.randomUUID() };
    const first = await create("stream=true", key);
    const runId = (first.headers.get("location") ?? "").slice("/api/runs/".length);
    const second = await create("stream=true", key);
    expect(second.headers.get("location")).toBe(first.headers.get("location"));
    await api.complete(runId);
    const third = await create("stream=true", key);
    expect(third.status).toBe(202);
    const texts = await Promise.all([first.text(), second.text(), third.text()]);
    expect(new Set(texts).size).toBe(1);
    const other = await create("stream=true", key, { name: "another" });
    expect([other.status, (await other.json()).code]).toEqual([422, "IDEMPOTENCY_MISMATCH"]);
  });

  test("who leaves ends nothing", async () => {
    const leaving = new AbortController();
    const answer = await fetch(`${api.url}/api/workspaces/default/runs?stream=true`, {
      method: "POST",
      headers: { authorization: `Bearer ${api.token}` },
      signal: leaving.signal,
    });
    const runId = (answer.headers.get("location") ?? "").slice("/api/runs/".length);
    leaving.abort();
    await api.add(runId, [consoleLine("on it goes")]);
    expect((await api.run(runId)).status).toBe("running");
  });

  test.each([
    ["stream=yes", 400, "INVALID_QUERY"],
    ["stream=true&stream=true", 400, "INVALID_QUERY"],
  ])("%s is refused", async (query, status, code) => {
    const answer = await create(query);
    expect([answer.status, (await answer.json()).code]).toEqual([status, code]);
  });

  test("refusals come as they do without it: a viewer 403, a stranger 401, no workspace 404, a bad body 422", async () => {
    const ask = async (path: string, token: string | null, body: object = {}) =>
      (await api.ask("POST", `${path}?stream=true`, { token, body })).status;
    expect(await ask("/api/workspaces/default/runs", inspected.viewToken)).toBe(403);
    expect(await ask("/api/workspaces/default/runs", null)).toBe(401);
    expect(await ask("/api/workspaces/none/runs", api.token)).toBe(404);
    expect(await ask("/api/workspaces/default/runs", api.token, { nope: 1 })).toBe(422);
  });
});
