import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { SearchLine } from "../protocol/search.ts";
import { searchLog } from "./search-log.ts";

let server: Server | undefined;
afterEach(() => server?.close());

const WANTED = { query: "ä+", isExpression: true, isCaseSensitive: false, level: "warning", afterSequence: 7 } as const;

async function search(answer: RequestListener): Promise<{ found: SearchLine[]; problem: unknown; path: string }> {
  let path = "";
  server = createServer((request, response) => {
    path = request.url ?? "";
    answer(request, response);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const found: SearchLine[] = [];
  const problem = await searchLog({
    url,
    runId: "a run",
    ...WANTED,
    signal: AbortSignal.timeout(10_000),
    onFound: (lines) => found.push(...lines),
  });
  return { found, problem, path };
}

const HITS: SearchLine[] = [
  { sequence: 8, ranges: [[0, 1]] },
  { op: "progress", scanned_to: 90, hits: 1 },
  { op: "end", scanned_to: 91, hits: 1, complete: true },
];
const TEXT = HITS.map((line) => `${JSON.stringify(line)}\n`).join("");

test("an answer is read as it comes, wherever it is cut", async () => {
  const { found, problem, path } = await search((_, response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    for (const piece of TEXT.match(/[^]{1,7}/g) ?? []) response.write(piece);
    response.end();
  });
  expect([found, problem]).toEqual([HITS, null]);
  const asked = new URLSearchParams(path.split("?")[1]);
  expect(path).toContain("/api/runs/a%20run/search?");
  expect(Object.fromEntries(asked)).toEqual({
    q: "ä+",
    regex: "true",
    case: "false",
    level: "warning",
    after_sequence: "7",
    ansi: "strip",
  });
});

test("what was found before an answer broke off is kept, and that it broke off is told", async () => {
  const { found, problem } = await search((_, response) => response.end(TEXT.slice(0, TEXT.indexOf("\n") + 9)));
  expect([found, problem]).toEqual([HITS.slice(0, 1), expect.objectContaining({ code: "UNREACHABLE", retry: true })]);
});

test("a refusal says why, in the server's words", async () => {
  const body = {
    type: "about:blank",
    title: "x",
    status: 400,
    code: "INVALID_QUERY",
    detail: "missing )",
    request_id: "r",
  };
  const { found, problem } = await search((_, response) => {
    response.writeHead(400, { "content-type": "application/problem+json" });
    response.end(JSON.stringify(body));
  });
  expect([found, problem]).toMatchObject([[], { code: "INVALID_QUERY", detail: "missing )" }]);
});

test("no answer at all is a problem, too", async () => {
  const { problem } = await search((request) => request.socket.destroy());
  expect(problem).toMatchObject({ code: "UNREACHABLE" });
});
