import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { consoleLine, linesOf, ndjson, sequenceOf, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { expectSameInArchive, readPages, textOf } from "../support/read-every-way.ts";
import { SseReader } from "../support/sse.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher } from "../support/watcher.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

/** Lines that a careless reader would change: numbers, escapes, every plane of Unicode, control characters, long ones. */
const AWKWARD = [
  '{"type":"x.y","payload":{"n":12345678901234567890.123456789,"huge":1e400,"tiny":-1.0e-400,"zero":-0,"long":0.1000000000000000055511151231257827}}',
  '{"type":"x.y","payload":{"\\ud800":"\\udfff","nul":"\\u0000","slash":"<\\/script>","line":"a\\nb\\r\\n","sep":"\u2028\u2029","plane":"😀"}}',
  '{"type":"x.y","payload":{"__proto__":{"a":1},"constructor":null,"":"empty","2":"b","1":"a"}}',
  '{"type":"metric.recorded","payload":{"name":"m","value":1.10,"more":100000000000000000001}}',
  `{"type":"x.y","payload":${'{"a":'.repeat(127)}{}${"}".repeat(127)}}`,
  "raw \u0000 \ufeff \u001b[31mred\u001b[0m ❄ 😀",
  "   ",
  '{"no type":1}',
  '{"type":7}',
  "{broken",
];

/** A run of several segments and a hot end, its awkward lines in every part of it. */
async function makeRun(): Promise<string> {
  const { run_id } = await api.createRun();
  for (let batch = 0; batch < 9; batch += 1) {
    const many = Array.from({ length: 300 }, (_, at) => consoleLine(`${batch}.${at} ${"·".repeat(500)}`));
    await api.append(run_id, `${ndjson(many)}${AWKWARD.join("\n")}\n`);
  }
  await waitUntil("two segments are in R2", async () => (await inspected.keys(run_id)).length >= 2);
  await api.append(run_id, `${AWKWARD.join("\n")}\nthe last of the hot end`);
  return run_id;
}

describe("one run, every form", () => {
  let runId: string;
  let open: string[];
  beforeAll(async () => {
    runId = await makeRun();
    open = await api.lines(runId);
  });

  test("[RED1] [EVT2] while it is open: over the seam between its segments and its hot end, all forms give the same", async () => {
    expect((await inspected.keys(runId)).every((key) => key.startsWith("logs/segments/"))).toBe(true);
    expect(open.map(sequenceOf)).toEqual(open.map((_, at) => at + 1));
    expect(await readPages(api, runId, 500)).toEqual(open);
    const sse = new SseReader(api, runId);
    const watcher = new Watcher(api, runId);
    const following = api.read(runId, "follow=true");
    const text = api.read(runId, "follow=true&format=text");
    await watcher.got("caught_up");
    await waitUntil("the events are read", () => sse.lines.length >= open.length);
    expect(sse.lines).toEqual(open);
    expect(watcher.lines).toEqual(open);
    expect(watcher.control("caught_up")).toEqual({ op: "caught_up", sequence: open.length });
    expect((await api.read(runId, "format=text")).text).toBe(textOf(open));

    // And live: what comes now reaches all four, and then the end.
    await api.add(runId, [consoleLine("live")]);
    await api.complete(runId);
    await sse.done;
    await watcher.closed();
    const all = await api.lines(runId);
    expect(all).toHaveLength(open.length + 2);
    expect(all.slice(0, open.length)).toEqual(open);
    expect(sse.lines).toEqual(all);
    expect(watcher.lines).toEqual(all);
    expect(linesOf((await following).text)).toEqual(all);
    expect((await text).text).toBe(textOf(all));
  });

  test("[RED1] [EVT2] archived: the same lines from R2, whose bytes are their hash", async () => {
    const lines = await expectSameInArchive(inspected, runId);
    expect(lines.slice(0, open.length)).toEqual(open);
  });

  test("[EVT3] [EVT4] numbers keep their digits and texts their characters, from the first append to the archive", async () => {
    const [digits = "", texts = "", fields = "", metric = ""] = (
      await api.lines(runId, "types=x.y,metric.recorded")
    ).slice(0, 4);
    expect(digits).toContain('"n":12345678901234567890.123456789,"huge":1e400,"tiny":-1.0e-400');
    expect(digits).toContain('"long":0.1000000000000000055511151231257827');
    expect(texts).toContain('"\\ud800":"\\udfff","nul":"\\u0000"');
    expect(JSON.parse(texts).payload).toEqual(JSON.parse(AWKWARD[1] ?? "").payload);
    expect(Object.keys(JSON.parse(fields).payload)).toEqual(["1", "2", "__proto__", "constructor", ""]);
    expect(JSON.parse(metric).payload).toEqual({ name: "m", value: 1.1, more: 1e20 });
    expect(metric).toContain('"more":100000000000000000001');
    const raw = (await api.lines(runId, "types=console.line&limit=305"))
      .slice(300)
      .map((line) => JSON.parse(line).payload);
    expect(raw).toEqual(AWKWARD.slice(5).map((message) => ({ stream: "stdout", message })));
  });

  test("[WRD1] [RED3] [RED4] from a position, up to a limit, of some types, the last few: every form cuts the same way", async () => {
    const all = await api.lines(runId);
    const last = all.length;
    const isConsole = (line: string): boolean => line.includes('"type":"console.line"');
    const cases: [query: string, lines: string[]][] = [
      ["after_sequence=700", all.slice(700)],
      ["from_sequence=701", all.slice(700)],
      [`after_sequence=${last - 1}`, all.slice(-1)],
      ["after_sequence=299&limit=3", all.slice(299, 302)],
      ["limit=1", all.slice(0, 1)],
      ["types=console.line&after_sequence=300&limit=20", all.slice(300).filter(isConsole).slice(0, 20)],
      ["types=run.*", [...all.slice(0, 2), ...all.slice(-1)]],
      ["types=run.queued,x.*", all.filter((line) => /"type":"(run\.queued|x\.y)"/.test(line))],
      ["types=nothing.like.it", []],
      ["tail=5", all.slice(-5)],
      ["tail=0", []],
      ["tail=999999", all],
      ["types=console.*&tail=7", all.filter(isConsole).slice(-7)],
    ];
    for (const [query, lines] of cases) {
      expect([query, linesOf((await api.read(runId, query)).text)]).toEqual([query, lines]);
      expect((await api.read(runId, `${query}&format=text`)).text).toBe(textOf(lines));
      const sse = new SseReader(api, runId, query);
      await sse.done;
      expect([query, sse.lines]).toEqual([query, lines]);
      // A stream that was cut by its limit has not come to the end.
      expect(sse.end === null).toBe(query.includes("limit="));
      if (lines.length > 1000) continue;
      const page = (await api.read(runId, query, { accept: "application/json" })).text;
      expect(page.startsWith(`{"items":[${lines.join(",")}],"next_after_sequence":`)).toBe(true);
    }
    const filtered = new Watcher(api, runId, { after: 10, query: "types=run.*,metric.recorded" });
    await filtered.closed();
    expect(filtered.lines).toEqual(all.slice(10).filter((line) => /"type":"(run\.|metric)/.test(line)));
    expect(filtered.control("caught_up")).toEqual({ op: "caught_up", sequence: last });
  });

  test("[RED3] a page says up to where it read, also when a filter left most of it out", async () => {
    const { last_sequence } = await api.run(runId);
    const page = await api.read(runId, "types=run.queued&limit=10", { accept: "application/json" });
    expect(page.json()).toMatchObject({ items: [{ sequence: 1 }], next_after_sequence: last_sequence });
    const beyond = await api.read(runId, "after_sequence=99999", { accept: "application/json" });
    expect(beyond.text).toBe('{"items":[],"next_after_sequence":99999}');
  });

  test("[RED6] a byte range of the ended log is a 206 with its ETag; an unchanged log is a 304", async () => {
    const whole = await api.read(runId);
    const bytes = Buffer.from(whole.text);
    const etag = whole.headers.get("etag") ?? "";
    expect(etag).toMatch(/^".+"$/);
    for (const [range, from, to] of [
      ["bytes=10-19", 10, 20],
      ["bytes=100-", 100, bytes.length],
      ["bytes=-7", bytes.length - 7, bytes.length],
    ] as const) {
      const part = await api.read(runId, "", { range });
      expect([part.status, part.text]).toEqual([206, bytes.subarray(from, to).toString()]);
      expect(part.headers.get("content-range")).toBe(`bytes ${from}-${to - 1}/${bytes.length}`);
      expect(part.headers.get("etag")).toBe(etag);
    }
    expect((await api.read(runId, "", { range: `bytes=${bytes.length + 5}-` })).status).toBe(416);
    expect((await api.read(runId, "", { "if-none-match": etag })).status).toBe(304);
    const other = await api.read(runId, "", { range: "bytes=0-9", "if-range": '"another"' });
    expect([other.status, other.text.length]).toEqual([200, whole.text.length]);
    const named = await api.read(runId, "download=true");
    expect(named.headers.get("content-disposition")).toContain(runId);
  });

  test("[RED5] server-sent events: their head, their ids, and a reconnect that has nothing left", async () => {
    const { last_sequence, status } = await api.run(runId);
    const sse = new SseReader(api, runId, `after_sequence=${last_sequence - 2}`);
    await sse.done;
    expect(sse.text.startsWith("retry: 1000\n\n")).toBe(true);
    expect(sse.messages.map(({ id, event }) => [id, event])).toEqual([
      [String(last_sequence - 1), null],
      [String(last_sequence), null],
      [null, "end"],
    ]);
    // What was received last beats the query, which a browser repeats as it was.
    const again = new SseReader(api, runId, "after_sequence=0", { "last-event-id": String(last_sequence - 1) });
    await again.done;
    expect(again.lines).toHaveLength(1);
    expect(again.end).toMatchObject({ status, last_sequence });
    for (const id of [last_sequence, last_sequence + 50]) {
      const nothing = await api.read(runId, "stream=true", { "last-event-id": String(id) });
      expect([nothing.status, nothing.text]).toEqual([204, ""]);
    }
    const fresh = new SseReader(api, runId, `after_sequence=${last_sequence}`);
    await fresh.done;
    expect([fresh.lines, fresh.end?.last_sequence]).toEqual([[], last_sequence]);
  });
});

test("[RED2] a position beyond the head waits for it", async () => {
  const { run_id } = await api.createRun();
  const watcher = new Watcher(api, run_id, { after: 5 });
  const sse = new SseReader(api, run_id, "after_sequence=5");
  const follow = api.read(run_id, "after_sequence=5&follow=true");
  expect((await api.read(run_id, "after_sequence=5")).text).toBe("");
  await watcher.got("caught_up");
  await api.add(
    run_id,
    Array.from({ length: 5 }, (_, at) => consoleLine(`line ${at}`)),
  );
  await waitUntil("both have the two lines after it", () => watcher.lines.length === 2 && sse.lines.length === 2);
  await api.complete(run_id);
  await watcher.closed();
  await sse.done;
  const after = (await api.lines(run_id)).slice(5);
  expect(watcher.lines).toEqual(after);
  expect(sse.lines).toEqual(after);
  expect(linesOf((await follow).text)).toEqual(after);

  const late = new Watcher(api, run_id, { after: 500 });
  expect([(await late.closed()).code, late.lines, late.control("end")?.["last_sequence"]]).toEqual([1000, [], 8]);
});

test("a reader that began on segments goes on in the whole log when the run is archived meanwhile", async () => {
  const { run_id } = await api.createRun();
  for (let batch = 0; batch < 8; batch += 1) {
    await api.add(
      run_id,
      Array.from({ length: 1000 }, (_, at) => consoleLine(`${batch}.${at} ${"x".repeat(1000)}`)),
    );
  }
  const response = await fetch(`${api.url}/api/runs/${run_id}/events?follow=true`, {
    headers: { authorization: `Bearer ${api.token}` },
  });
  const reader = response.body!.getReader();
  const pieces = [(await reader.read()).value ?? new Uint8Array()];
  await api.complete(run_id);
  await inspected.archived(run_id);
  // Gone from the object, too: nothing is left of where it began to read.
  for (let read = await reader.read(); !read.done; read = await reader.read()) pieces.push(read.value);
  expect(Buffer.concat(pieces).toString()).toBe((await api.read(run_id)).text);
});

test("output that would pass a line's limit is split between characters and joined again as text", async () => {
  const { run_id } = await api.createRun();
  const long = `${"é😀".repeat(60_000)}|${"\u0001".repeat(50_000)}`;
  await api.append(run_id, `${long}\nshort`);
  await api.append(run_id, "\n\r\nthree\r\n", { "content-type": "text/plain" });
  const parts = (await api.lines(run_id, "types=console.line")).map((line) => JSON.parse(line).payload);
  expect(parts.slice(0, -4).every(({ partial }) => partial === true)).toBe(false);
  expect(parts.filter(({ partial }) => partial === true).length).toBeGreaterThan(1);
  expect((await api.read(run_id, "format=text")).text).toBe(`${long}\nshort\n\n\nthree\n`);
  for (const line of await api.lines(run_id)) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(256 * 1024);

  await api.append(run_id, "\u001b[31mred\u001b[0m plain");
  expect((await api.read(run_id, "format=text&tail=1&ansi=strip")).text).toBe("red plain\n");
  expect((await api.read(run_id, "format=text&tail=1&ansi=keep")).text).toBe("\u001b[31mred\u001b[0m plain\n");
  const stamped = (await api.read(run_id, "format=text&tail=1&timestamps=true")).text;
  expect(stamped.replace(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z /, "")).toBe("\u001b[31mred\u001b[0m plain\n");
  expect(stamped.length).toBeGreaterThan(24);
});

test("a follower of the log that waits is told of the end by its stream, whichever way the run ends", async () => {
  const { run_id } = await api.createRun();
  const following = api.read(run_id, "follow=true");
  await api.ask("POST", `/api/runs/${run_id}/cancel?force=true`);
  const lines = linesOf((await following).text);
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ type: "run.completed", payload: { status: "cancelled" } });
});
