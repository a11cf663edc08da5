import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Problem } from "../protocol/api.ts";
import { searchLineSchema, type SearchLine } from "../protocol/search.ts";
import { call, seedTokens } from "../test/workerd/api.ts";
import { append, archiveRun, createRun } from "../test/workerd/runs.ts";

beforeAll(seedTokens);

const said = (message: string, partial?: true): object => ({
  type: "console.line",
  payload: { stream: "stdout", message, ...(partial === undefined ? {} : { partial }) },
});

async function search(runId: string, query: Record<string, string>, bindings = {}): Promise<SearchLine[]> {
  const path = `/api/runs/${runId}/search?${new URLSearchParams(query).toString()}`;
  const answer = await call("GET", path, { as: "viewer", bindings });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  const lines = (await answer.text()).trimEnd().split("\n");
  return lines.map((line) => searchLineSchema.parse(JSON.parse(line)));
}

const segmentKeys = async (runId: string): Promise<string[]> => {
  const { objects } = await env.ARCHIVE.list({ prefix: `workspaces/default/runs/${runId}/logs/segments/` });
  return objects.map(({ key }) => key);
};

describe("one run, open and archived", () => {
  /** Two lines of the server come first: `run.queued` and `run.started`. */
  const EVENTS = [
    said("\u001b[31mError\u001b[0m: no such file"),
    said("error (again)"),
    said("loading ", true),
    said("er", true),
    said("rors"),
    { type: "run.error", payload: { code: "ERROR", message: "error" } },
    said("a trace:\n  error 1\n  error 2"),
    said("ERR\u001b[1mOR\u001b[0m"),
  ];
  const SEARCHES: [query: Record<string, string>, hits: SearchLine[]][] = [
    [
      { q: "error" },
      [
        { sequence: 3, ranges: [[5, 10]] },
        { sequence: 4, ranges: [[0, 5]] },
        { sequence: 5, ranges: [[8, 13]] },
        {
          sequence: 9,
          ranges: [
            [11, 16],
            [21, 26],
          ],
        },
      ],
    ],
    [{ q: "Error", case: "true" }, [{ sequence: 3, ranges: [[5, 10]] }]],
    [
      { q: "ERROR", ansi: "strip", after_sequence: "7" },
      [
        {
          sequence: 9,
          ranges: [
            [11, 16],
            [21, 26],
          ],
        },
        { sequence: 10, ranges: [[0, 5]] },
      ],
    ],
    [{ q: "(again)" }, [{ sequence: 4, ranges: [[6, 13]] }]],
    [{ q: "^error", regex: "true" }, [{ sequence: 4, ranges: [[0, 5]] }]],
    [
      { q: "^  \\w+ [12]$", regex: "true", case: "true" },
      [
        {
          sequence: 9,
          ranges: [
            [9, 18],
            [19, 28],
          ],
        },
      ],
    ],
    [{ q: "^Error", regex: "true", ansi: "strip", case: "true" }, [{ sequence: 3, ranges: [[0, 5]] }]],
    // From the middle of a line its rest is one, as it is in the text.
    [
      { q: "^er", regex: "true", from_sequence: "6", types: "console.*", case: "true" },
      [{ sequence: 6, ranges: [[0, 2]] }],
    ],
    [{ q: "error", types: "run.*" }, []],
    [{ q: "nothing like it" }, []],
  ];

  let runId: string;
  beforeAll(async () => {
    ({ run_id: runId } = await createRun());
    await append(runId, ...EVENTS);
  });

  const expectAll = async (lastSequence: number): Promise<void> => {
    for (const [query, hits] of SEARCHES) {
      const end = { op: "end", scanned_to: lastSequence, hits: hits.length, complete: true };
      expect([query, await search(runId, query)]).toEqual([query, [...hits, end]]);
    }
  };

  test("[SRCH1] [SRCH2] what is found while it is open", () => expectAll(10));

  test("[SRCH1] [SRCH2] what is found when it is archived", async () => {
    await archiveRun(runId);
    await expectAll(11);
  });

  test.each([
    ["", "q must say what to look for"],
    ["q=", "q must say what to look for"],
    [`q=${"x".repeat(1_001)}`, "q may have 1000 characters"],
    ["q=a%0Ab", "q is looked for in each line by itself: it cannot hold a line break"],
    ["q=a&q=b", "q: Invalid input: expected string, received array"],
    ["q=a&regex=yes", "regex must be true or false"],
    ["q=a&case=1", "case must be true or false"],
    ["q=a&level=fatal", "level must be one of debug, info, warning, error"],
    ["q=a&ansi=no", "ansi must be keep or strip"],
    ["q=a&types=", "types must be a comma list of event types"],
    ["q=a&after_sequence=-1", "after_sequence must be a whole number from 0"],
    [
      "q=ab**&regex=true",
      "q is no regular expression that can be searched for (RE2's syntax): invalid nested repetition operator at character 3: **",
    ],
    ["q=x{501}&regex=true", "it comes to 503 steps, and may have 500: repeat less"],
  ])("[SRCH4] %s is refused in words", async (query, detail) => {
    const answer = await call("GET", `/api/runs/${runId}/search?${query}`, { as: "viewer" });
    const body = await answer.json<Problem>();
    expect([answer.status, body.code]).toEqual([400, "INVALID_QUERY"]);
    expect(body.detail).toContain(detail);
  });
});

/** Overwrites these lines of an archived log, as a disk does. */
async function damage(runId: string, ...sequences: number[]): Promise<void> {
  const key = `workspaces/default/runs/${runId}/logs/events.ndjson`;
  const lines = (await (await env.ARCHIVE.get(key))?.text())?.split("\n") ?? [];
  const damaged = lines.map((line, at) => (sequences.includes(at + 1) ? "\0".repeat(line.length) : line));
  await env.ARCHIVE.put(key, damaged.join("\n"));
}

test("[SRCH5] damage is told in its place and ends a line; the rest is searched, and the run is incomplete", async () => {
  const { run_id } = await createRun();
  await append(run_id, said("one needle"), said("needle in ", true), said("needle"), said("needle"), said("needle"));
  await archiveRun(run_id);
  await damage(run_id, 5, 6);
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  expect(await search(run_id, { q: "needle" })).toEqual([
    { sequence: 3, ranges: [[4, 10]] },
    { sequence: 4, ranges: [[0, 6]] },
    { op: "damaged", first: 5, last: 6 },
    { sequence: 7, ranges: [[0, 6]] },
    { op: "end", scanned_to: 8, hits: 3, complete: true },
  ]);
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
  const run = await (await call("GET", `/api/runs/${run_id}`, { as: "viewer" })).json();
  expect(run).toMatchObject({ incomplete: true });
});

test("[SRCH3] [READ4] an answer ends at its limit, and tells nobody of damage behind that; the next goes on there", async () => {
  const { run_id } = await createRun();
  const headers = { "content-type": "text/plain" };
  const body = "needle\n".repeat(10_020);
  await call("POST", `/api/runs/${run_id}/events`, { as: "operator", body, headers });
  await archiveRun(run_id);
  await damage(run_id, 10_010, 10_011);
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const first = await search(run_id, { q: "needle" });
  expect(first).toHaveLength(10_001);
  expect(first.at(-1)).toEqual({ op: "end", scanned_to: 10_002, hits: 10_000, complete: false });
  expect(warn).not.toHaveBeenCalled();
  const second = await search(run_id, { q: "needle", after_sequence: "10002" });
  expect(second).toContainEqual({ op: "damaged", first: 10_010, last: 10_011 });
  expect(second.at(-1)).toEqual({ op: "end", scanned_to: 10_023, hits: 18, complete: true });
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
});

test("a run whose log is gone: 410", async () => {
  const { run_id } = await createRun();
  await archiveRun(run_id);
  await env.ARCHIVE.delete(`workspaces/default/runs/${run_id}/logs/events.ndjson`);
  const answer = await call("GET", `/api/runs/${run_id}/search?q=x`, { as: "viewer" });
  expect([answer.status, (await answer.json<Problem>()).code]).toEqual([410, "LOG_INCOMPLETE"]);
});

/** The archive, with what is asked of it counted. */
function countedArchive(): { ARCHIVE: R2Bucket; asked: string[] } {
  const asked: string[] = [];
  const ARCHIVE = new Proxy(env.ARCHIVE, {
    get(bucket, name) {
      const member: unknown = Reflect.get(bucket, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (name === "get") asked.push(String(args[0]).split("/").at(-1) ?? "");
        return Reflect.apply(member, bucket, args);
      };
    },
  });
  return { ARCHIVE, asked };
}

describe("a log of many segments", () => {
  const SEGMENTS = 12;
  const BATCHES = Array.from({ length: SEGMENTS }, (_, at) => said(`${at} needle ${"x".repeat(255_000)}`));
  let runId: string;
  beforeAll(async () => {
    ({ run_id: runId } = await createRun());
    for (const batch of BATCHES) await append(runId, batch, batch, batch, batch, said("short"));
    await vi.waitFor(async () => expect((await segmentKeys(runId)).length).toBeGreaterThan(8), { timeout: 20_000 });
  });

  const expectAll = async (): Promise<void> => {
    const lines = await search(runId, { q: "needle" });
    const hits = lines.flatMap((line) => ("sequence" in line ? [line.sequence] : []));
    expect(hits).toEqual(BATCHES.flatMap((_, at) => [3, 4, 5, 6].map((first) => 5 * at + first)));
    expect(lines.at(-1)).toMatchObject({ op: "end", complete: true });
  };

  test("[SRCH5] [READ5] while it is open some segments are on their way at a time, and none more once the reader has left", async () => {
    await expectAll();
    const { ARCHIVE, asked } = countedArchive();
    const path = `/api/runs/${runId}/search?q=needle`;
    const answer = await call("GET", path, { as: "viewer", bindings: { ARCHIVE } });
    const reader = answer.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    const before = asked.length;
    expect(before).toBeGreaterThan(3);
    expect(before).toBeLessThan(8);
    await scheduler.wait(200);
    expect(asked.length).toBe(before);
  });

  test("[SRCH5] [READ5] when it is archived it comes in pieces, each once", async () => {
    await archiveRun(runId);
    await expectAll();
    const { ARCHIVE, asked } = countedArchive();
    await search(runId, { q: "needle" }, { ARCHIVE });
    const size = (await env.ARCHIVE.head(`workspaces/default/runs/${runId}/logs/events.ndjson`))?.size ?? 0;
    expect(asked.filter((name) => name === "events.ndjson")).toHaveLength(Math.ceil(size / 2 ** 21));
  });
});
