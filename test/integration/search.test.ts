import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { searchLineSchema, type SearchHit } from "../../protocol/search.ts";
import { ROOT } from "../../local/state-folder.ts";
import { expectStatus, linesOf, type Api } from "../support/api.ts";
import { startInspectedServer, type InspectedServer } from "../support/inspected-server.ts";
import { waitUntil } from "../support/wait-until.ts";

let inspected: InspectedServer;
let api: Api;
let folder: string;
beforeAll(async () => {
  inspected = await startInspectedServer();
  ({ api } = inspected);
  folder = mkdtempSync(join(tmpdir(), "runcast-search-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await inspected.remove();
});

const HUGE = 64 * 1024 * 1024;
const outputOf = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { cwd: ROOT, encoding: "utf8", maxBuffer: HUGE });

/** What real programs print: long and short lines, indented ones, empty ones, paths, numbers, and colours. */
const commandOutput = (): string =>
  [
    outputOf(process.execPath, "--help"),
    outputOf(process.execPath, "--v8-options"),
    outputOf("ls", "-lR", "node_modules/zod", "node_modules/hono"),
    outputOf("grep", "-rn", "--color=always", "function", "node_modules/hono/dist", "node_modules/zod/v4"),
    outputOf("cat", "node_modules/zod/v4/locales/ar.js", "node_modules/zod/v4/locales/ru.js"),
  ].join("\n");

type Found = { line: number; matches: string[] };

/** What `grep` itself finds in a file, and which parts of the lines. */
function grep(file: string, ...args: string[]): Found[] {
  const env = { ...process.env, LC_ALL: "C.UTF-8", GREP_COLORS: "" };
  let text = "";
  try {
    text = execFileSync("grep", ["-a", "-o", "-n", "--color=never", ...args, file], {
      env,
      encoding: "utf8",
      maxBuffer: HUGE,
    });
  } catch (error) {
    // 1: nothing was found.
    if (!(error instanceof Error && "status" in error && error.status === 1)) throw error;
  }
  const matchesByLine = new Map<number, string[]>();
  for (const one of text === "" ? [] : linesOf(text)) {
    const colon = one.indexOf(":");
    const line = Number(one.slice(0, colon));
    matchesByLine.set(line, [...(matchesByLine.get(line) ?? []), one.slice(colon + 1)]);
  }
  return [...matchesByLine].map(([line, matches]) => ({ line, matches }));
}

async function search(runId: string, query: Record<string, string>): Promise<SearchHit[]> {
  const hits: SearchHit[] = [];
  for (let after = 0; ;) {
    const parameters = new URLSearchParams({ ...query, after_sequence: String(after) }).toString();
    const answer = expectStatus(await api.ask("GET", `/api/runs/${runId}/search?${parameters}`), 200);
    const lines = linesOf(answer.text).map((line) => searchLineSchema.parse(JSON.parse(line)));
    const end = lines.at(-1);
    if (end === undefined || !("op" in end) || end.op !== "end") throw new Error("the answer broke off");
    hits.push(...lines.flatMap((line) => ("op" in line ? [] : [line])));
    if (end.complete) return hits;
    after = end.scanned_to;
  }
}

/** What is looked for, and how `grep` is told the same. */
const SEARCHES: [query: Record<string, string>, grepArgs: string[]][] = [
  [{ q: "function", case: "true" }, ["-F", "function"]],
  [{ q: "function" }, ["-F", "-i", "function"]],
  [{ q: "type: " }, ["-F", "-i", "type: "]],
  [{ q: '("[', case: "true" }, ["-F", '("[']],
  [{ q: "\\", case: "true" }, ["-F", "\\"]],
  [{ q: "Неверный", case: "true" }, ["-F", "Неверный"]],
  [{ q: "нЕВЕРНЫЙ" }, ["-F", "-i", "нЕВЕРНЫЙ"]],
  [{ q: "\u001b[", case: "true" }, ["-F", "\u001b["]],
  [{ q: "no program prints this" }, ["-F", "no program prints this"]],
  [{ q: "^ *--[a-z-]+", regex: "true", case: "true" }, ["-E", "^ *--[a-z-]+"]],
  [{ q: "[0-9]{4,}", regex: "true", case: "true" }, ["-E", "[0-9]{4,}"]],
  [{ q: "(error|warn)[a-z]*", regex: "true" }, ["-E", "-i", "(error|warn)[a-z]*"]],
  [{ q: "\\.d\\.(c|m)?ts$", regex: "true", case: "true" }, ["-E", "\\.d\\.(c|m)?ts$"]],
  [{ q: "неверн(ый|ая|ое) [^ ]+", regex: "true" }, ["-E", "-i", "неверн(ый|ая|ое) [^ ]+"]],
  [{ q: "\\bimport\\b.*;", regex: "true", case: "true" }, ["-E", "\\bimport\\b.*;"]],
];

describe("a run of what real programs print, beside grep over its text", () => {
  let runId: string;
  beforeAll(async () => {
    const lines = commandOutput().split("\n");
    expect(lines.length).toBeGreaterThan(5_000);
    ({ run_id: runId } = await api.createRun());
    for (let at = 0; at < lines.length; at += 4_000) {
      const body = `${lines.slice(at, at + 4_000).join("\n")}\n`;
      expectStatus(await api.append(runId, body, { "content-type": "text/plain" }), 200);
    }
    await waitUntil("a segment is in R2", async () => (await inspected.keys(runId)).length >= 1);
    expectStatus(await api.append(runId, "the last function", { "content-type": "text/plain" }), 200);
  });

  async function expectAsGrep(ansi: string): Promise<void> {
    const { text } = expectStatus(await api.read(runId, `format=text&ansi=${ansi}`), 200);
    const file = join(folder, "export.txt");
    writeFileSync(file, text);
    const lines = linesOf(text);
    let total = 0;
    for (const [query, args] of SEARCHES) {
      const hits = await search(runId, { ...query, ansi });
      const found = hits.map(({ sequence, ranges }) => {
        // The two lines before are the server's.
        const line = sequence - 2;
        return { line, matches: ranges.map(([start, end]) => lines[line - 1]?.slice(start, end)) };
      });
      expect([query, found]).toEqual([query, grep(file, ...args)]);
      total += hits.length;
    }
    expect(total).toBeGreaterThan(5_000);
  }

  test("[SRCH1] while it is open: segments and hot end", async () => {
    expect((await inspected.keys(runId)).every((key) => key.startsWith("logs/segments/"))).toBe(true);
    await expectAsGrep("keep");
    await expectAsGrep("strip");
  });

  test("[SRCH1] when it has ended", async () => {
    await api.complete(runId);
    await inspected.archived(runId);
    await expectAsGrep("keep");
    await expectAsGrep("strip");
  });
});
