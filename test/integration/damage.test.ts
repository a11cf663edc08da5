import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { consoleLine, linesOf, sequenceOf, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Watcher } from "../support/watcher.ts";

let inspected: InspectedServer;
let api: Api;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
});
afterAll(() => inspected.remove());

const WIDTH = 10_000;
const LINES = 200;
/** A line cut in the middle, a run of three that are garbled, and two that lost the newline between them. */
const DAMAGED = [20, 50, 51, 52, 90, 91];
const RANGES = [
  [20, 20],
  [50, 52],
  [90, 91],
];

/** Overwrites bytes of what is stored, as a disk does. */
async function damage(key: string): Promise<void> {
  const object = await inspected.bucket.get(key);
  const lines = linesOf((await object?.text()) ?? "");
  const at = (sequence: number): number => lines.findIndex((line) => sequenceOf(line) === sequence);
  lines[at(20)] = (lines[at(20)] ?? "").slice(0, 5_000);
  for (const sequence of [50, 51, 52]) lines[at(sequence)] = "\0".repeat(9_000);
  lines.splice(at(90), 2, `${lines[at(90)]}\0${lines[at(91)]}`);
  await inspected.bucket.put(key, `${lines.join("\n")}\n`);
}

async function writeLines(): Promise<string> {
  const { run_id } = await api.createRun();
  for (let from = 0; from < LINES; from += 50)
    await api.add(
      run_id,
      Array.from({ length: 50 }, (_, at) => consoleLine(`${from + at} ${"x".repeat(WIDTH)}`)),
    );
  return run_id;
}

/** A run whose damaged lines are in a segment, while it is open. */
async function openRun(): Promise<string> {
  const runId = await writeLines();
  const segments = async (): Promise<string[]> =>
    (await inspected.keys(runId)).filter((key) => key.startsWith("logs/segments/"));
  await waitUntil("a segment is stored", async () => (await segments()).length > 0);
  await damage(`workspaces/default/runs/${runId}/${(await segments())[0]}`);
  return runId;
}

async function archivedRun(): Promise<string> {
  const runId = await writeLines();
  await api.complete(runId);
  await inspected.archived(runId);
  await damage(`workspaces/default/runs/${runId}/logs/events.ndjson`);
  return runId;
}

describe.each([
  { ended: false, head: LINES + 2 },
  { ended: true, head: LINES + 3 },
])("[READ3] [RED7] damage in a stored log (ended: $ended)", ({ ended, head }) => {
  let runId: string;
  beforeAll(async () => {
    runId = ended ? await archivedRun() : await openRun();
  });
  const sound = (after = 0): number[] =>
    Array.from({ length: head }, (_, at) => at + 1).filter((at) => at > after && !DAMAGED.includes(at));
  const marks = RANGES.map(([first, last]) => ({ op: "damaged", first, last }));

  test.each([
    { query: "", after: 0 },
    { query: "stay=true", after: 0 },
    { query: "", after: 50 },
  ])("is told on the socket in its place ($query, after $after)", async ({ query, after }) => {
    const watcher = new Watcher(api, runId, { query, after });
    await watcher.got(ended ? "end" : "caught_up");
    expect(watcher.lines.map(sequenceOf)).toEqual(sound(after));
    expect(watcher.controls.filter(({ op }) => op === "damaged")).toEqual(
      after === 0 ? marks : [{ op: "damaged", first: 51, last: 52 }, marks[2]],
    );
    // In place: what comes next on the wire is what comes next in the log.
    const told = watcher.texts.findIndex((text) => text.startsWith('{"op":"damaged"'));
    expect(watcher.texts[told + 1]).toMatch(after === 0 ? /^\{"sequence":21,/ : /^\{"sequence":53,/);
    watcher.cut();
  });

  test("is told on the socket whatever types are asked for", async () => {
    const watcher = new Watcher(api, runId, { query: "types=run.*,metric.recorded" });
    await watcher.got("caught_up");
    expect(watcher.controls.filter(({ op }) => op === "damaged")).toEqual(marks);
    watcher.cut();
  });

  test.each(["", "&types=run.*,metric.recorded"])("is told in server-sent events (%s)", async (filter) => {
    const text = ended ? (await api.read(runId, `stream=true${filter}`)).text : await followFor(`stream=true${filter}`);
    expect([...text.matchAll(/^: damaged (.*)$/gm)].map(([, range]) => range)).toEqual(["20", "50-52", "90-91"]);
    if (filter === "") expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual(sound());
  });

  test("is told in a page's header, with and without types", async () => {
    for (const filter of ["", "&types=run.*,metric.recorded"]) {
      const page = await api.read(runId, `format=json${filter}`);
      expect([filter, page.headers.get("runcast-damaged")]).toEqual([filter, "20,50-52,90-91"]);
      expect(page.json<{ next_after_sequence: number }>().next_after_sequence).toBe(head);
    }
    const page = await api.read(runId, "format=json");
    expect(page.json<{ items: { sequence: number }[] }>().items.map(({ sequence }) => sequence)).toEqual(sound());
  });

  test("is told in text, in its place", async () => {
    const answer = await api.read(runId, "format=text&limit=100");
    const lines = answer.text.split("\n").map((line) => (line.startsWith("[") ? line : line.split(" ")[0]));
    expect(lines.slice(16, 19)).toEqual(["16", "[runcast: event 20 is damaged and left out]", "18"]);
    expect(lines).toContain("[runcast: events 50-52 are damaged and left out]");
    expect(lines).toContain("[runcast: events 90-91 are damaged and left out]");
    // What is known before the first byte is sent.
    if (ended) expect(answer.headers.get("runcast-damaged")).toMatch(/^20/);
  });

  test("is in a plain download as it is stored", async () => {
    const { text } = await api.read(runId);
    expect(text).toContain("\0".repeat(9_000));
  });

  /** What a follower of an open run gets until it is at the head. */
  async function followFor(query: string): Promise<string> {
    const abort = new AbortController();
    const response = await fetch(`${api.url}/api/runs/${runId}/events?${query}`, {
      headers: { authorization: `Bearer ${api.token}` },
      signal: abort.signal,
    });
    let text = "";
    const decoder = new TextDecoder();
    for await (const piece of response.body ?? []) {
      text += decoder.decode(piece, { stream: true });
      if (text.includes("damaged 90-91") && (query.includes("types") || text.includes(`id: ${head}\n`))) break;
    }
    abort.abort();
    return text;
  }
});

test("[TML1] damage is not met by who asks for types that the timeline has, all of them", async () => {
  const runId = await archivedRun();
  const head = LINES + 3;
  const watcher = new Watcher(api, runId, { query: "types=run.*" });
  await watcher.got("end");
  expect(watcher.controls.filter(({ op }) => op === "damaged")).toEqual([]);
  expect(watcher.lines.map(sequenceOf)).toEqual([1, 2, head]);
  const text = (await api.read(runId, "stream=true&types=run.*")).text;
  expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual([1, 2, head]);
  watcher.cut();
});

test("[READ3] a log that was cut off says what is missing, and ends", async () => {
  const runId = await writeLines();
  await api.complete(runId);
  await inspected.archived(runId);
  const key = `workspaces/default/runs/${runId}/logs/events.ndjson`;
  const lines = linesOf((await (await inspected.bucket.get(key))?.text()) ?? "");
  await inspected.bucket.put(key, `${lines.slice(0, 30).join("\n")}\n`);
  for (const query of ["", "stay=true"]) {
    const watcher = new Watcher(api, runId, { query });
    expect(await watcher.got("end")).toMatchObject({ last_sequence: LINES + 3 });
    expect(watcher.lines).toEqual(lines.slice(0, 30));
    expect(damagedOn(watcher)).toEqual(missing(31));
    const behind = new Watcher(api, runId, { query, after: 150 });
    await behind.got("end");
    expect(damagedOn(behind)).toEqual(missing(151));
    watcher.cut();
    behind.cut();
  }
  const page = await api.read(runId, "format=json");
  expect(page.headers.get("runcast-damaged")).toBe(`31-${LINES + 3}`);
});

const missing = (first: number): number[] => Array.from({ length: LINES + 4 - first }, (_, at) => first + at);

/** Every sequence that was told as damaged, in the order it was told. */
const damagedOn = ({ controls }: Watcher): number[] =>
  controls
    .filter(({ op }) => op === "damaged")
    .flatMap(({ first, last }) => missing(Number(first)).slice(0, Number(last) - Number(first) + 1));
