import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { Bench, Figure, Row, Target } from "../figure.ts";
import { buildLogLines } from "../load/build-log.ts";
import { settled } from "../load/settled.ts";
import { runcast } from "../peers/runcast.ts";
import type { RuncastLog } from "../peers/runcast-api.ts";
import { byTurns, pick } from "../rounds.ts";
import { withServer } from "../servers.ts";

/** One of a longer log's queries takes half a minute: it is asked those that differ most. */
type Query = { alsoOfLong?: true; name: string; q: string; isExpression: boolean; isCaseSensitive: boolean };
/** When the first line was found, and when all were, in seconds. */
type Found = { lines: number; first: number; all: number };
type Searcher = { name: string; search: (query: Query) => Promise<Found> };

/** What `build-log.ts` says that its lines hold. */
const QUERIES: Query[] = [
  { alsoOfLong: true, name: "ten lines, by a word", q: "needle", isExpression: false, isCaseSensitive: true },
  { name: "the last line", q: "build finished", isExpression: false, isCaseSensitive: true },
  { name: "a line in a thousand, any case", q: "WARNING", isExpression: false, isCaseSensitive: false },
  {
    alsoOfLong: true,
    name: "a line in a thousand, by an expression",
    q: "took [0-9]{4} ms",
    isExpression: true,
    isCaseSensitive: true,
  },
];
const SHORT = 1_000_000;
const LENGTHS = [1_000_000, 10_000_000];
const FIRST_WITHIN: Readonly<Record<number, Target[]>> = { 1_000_000: [{ value: 2 }] };
const ALL_WITHIN: Readonly<Record<number, Target[]>> = { 10_000_000: [{ value: 15 }] };

export const search: Figure = {
  title: "Search of an ended run, beside grep on its text export",
  measure: (bench) =>
    withServer(runcast, async (server) => {
      const rows: Row[] = [];
      for (const full of bench.isSmoke ? [SHORT] : LENGTHS) {
        const length = full * bench.scale;
        const queries = QUERIES.filter(
          (query) => (query.alsoOfLong === true || full <= SHORT) && bench.wants.case(nameOf(length, query)),
        );
        if (queries.length === 0) continue;
        const log = await server.newLog();
        for (const lines of buildLogLines(length)) await log.appendLines(lines);
        await log.finish();
        await settled(server.group);
        rows.push(...(await searchLog(bench, log, length, queries)));
      }
      return rows;
    }),
};

const nameOf = (length: number, { name }: Query): string => `${length.toLocaleString("en")} lines · ${name}`;

async function searchLog(bench: Bench, log: RuncastLog, length: number, queries: Query[]): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "runcast-bench-search-"));
  const rows: Row[] = [];
  try {
    const file = join(folder, "log.txt");
    await pipeline(await log.open("/events?format=text"), createWriteStream(file));
    const searchers: Searcher[] = [
      { name: "runcast", search: (query) => searchRuncast(log, query) },
      { name: "grep", search: (query) => grep(query, file) },
      { name: "download, then grep", search: async (query) => grep(query, await log.open("/events?format=text")) },
    ];
    for (const query of queries) {
      const turns = await byTurns(bench, searchers, (searcher) => searcher.search(query));
      const counts = new Set(Object.values(turns.results).flatMap((found) => found.map(({ lines }) => lines)));
      if (counts.size > 1) throw new Error(`${query.name}: they found ${[...counts].join(", ")} lines`);
      const of = { unit: "s", better: "less" } as const;
      rows.push({
        ...of,
        case: `${nameOf(length, query)}, the first`,
        by: pick(turns, ({ first }) => first),
        targets: FIRST_WITHIN[length] ?? [],
      });
      rows.push({
        ...of,
        case: `${nameOf(length, query)}, all`,
        by: pick(turns, ({ all }) => all),
        targets: ALL_WITHIN[length] ?? [],
      });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A search that reached a limit is gone on with, as the page does. */
async function searchRuncast(log: RuncastLog, { q, isExpression, isCaseSensitive }: Query): Promise<Found> {
  const seconds = stopwatch();
  let lines = 0;
  let first = Number.NaN;
  const query = new URLSearchParams({ q, regex: String(isExpression), case: String(isCaseSensitive) });
  for (let scannedTo = 0, isComplete = false; !isComplete;) {
    query.set("after_sequence", String(scannedTo));
    for await (const line of createInterface(await log.open(`/search?${query}`))) {
      const told: { op?: string; scanned_to: number; complete?: boolean } = JSON.parse(line);
      if (told.op === undefined) lines += 1;
      if (lines === 1 && Number.isNaN(first)) first = seconds();
      if (told.op !== "end") continue;
      scannedTo = told.scanned_to;
      isComplete = told.complete ?? false;
    }
  }
  return { lines, first, all: seconds() };
}

/** In the C locale, where it is fastest. */
async function grep({ q, isExpression, isCaseSensitive }: Query, input: string | Readable): Promise<Found> {
  const seconds = stopwatch();
  const options = [isExpression ? "-E" : "-F", ...(isCaseSensitive ? [] : ["-i"]), "--line-buffered"];
  const child = spawn("grep", [...options, "-e", q, ...(typeof input === "string" ? [input] : [])], {
    env: { ...process.env, LC_ALL: "C" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (typeof input !== "string") input.pipe(child.stdin);
  let first = Number.NaN;
  child.stdout.once("data", () => (first = seconds()));
  const [found] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return { lines: found.split("\n").length - 1, first, all: seconds() };
}

function stopwatch(): () => number {
  const begunAt = performance.now();
  return () => (performance.now() - begunAt) / 1_000;
}
