import { beforeAll, expect, test } from "vitest";
import type { Run } from "../protocol/api.ts";
import { call, seedTokens, type Call } from "../test/workerd/api.ts";
import { ACCESS } from "./access.ts";

/** Something wrong with a request to a route, and what it is answered where the run or workspace is there. */
type Wrong = { what: string; request?: Omit<Call, "as">; query?: string; refused: [number, string] };

const json = (text: string): Omit<Call, "as"> => ({ body: text, headers: { "content-type": "application/json" } });
const lines = (text: string, headers: Record<string, string> = {}): Omit<Call, "as"> => ({
  body: text,
  headers: { "content-type": "application/x-ndjson", ...headers },
});
/** What every route with a JSON body refuses. */
const BAD_JSON: Wrong[] = [
  { what: "no JSON", request: json("{"), refused: [422, "INVALID_JSON"] },
  { what: "an array", request: json("[]"), refused: [422, "INVALID_BODY"] },
  { what: "an unknown field", request: json('{"nome":"x"}'), refused: [422, "INVALID_BODY"] },
  {
    what: "another content type",
    request: { body: "{}", headers: { "content-type": "text/plain" } },
    refused: [415, "UNSUPPORTED_MEDIA_TYPE"],
  },
  { what: "a body too long", request: json(" ".repeat(4 * 1024 * 1024 + 1)), refused: [413, "PAYLOAD_TOO_LARGE"] },
];
const badQueries = (...queries: string[]): Wrong[] =>
  queries.map((query) => ({ what: `the query ${query}`, query, refused: [400, "INVALID_QUERY"] }));

const ROUTES: Record<string, Wrong[]> = {
  "GET /api/workspaces/:ws/runs": badQueries("limit=0", "status=done", "limit=1&limit=2"),
  "GET /api/workspaces/:ws/stats": [],
  "POST /api/workspaces/:ws/runs": [
    ...BAD_JSON,
    ...badQueries("stream=yes"),
    { what: "a bad key", request: { headers: { "idempotency-key": "é" } }, refused: [400, "INVALID_QUERY"] },
  ],
  "GET /api/runs/:id": [],
  "GET /api/runs/:id/summary": [],
  "GET /api/runs/:id/manifest": [],
  "GET /api/runs/:id/share": [],
  "GET /api/runs/:id/badge.svg": badQueries("key=a&key=b"),
  "PATCH /api/runs/:id": [
    ...BAD_JSON,
    { what: "a name too long", request: json(`{"name":"${"x".repeat(201)}"}`), refused: [422, "INVALID_BODY"] },
    { what: "a bad If-Match", request: { json: {}, headers: { "if-match": "x" } }, refused: [400, "INVALID_QUERY"] },
  ],
  "DELETE /api/runs/:id": [],
  "POST /api/runs/:id/cancel": [
    ...BAD_JSON,
    { what: "a reason that is no text", request: json('{"reason":1}'), refused: [422, "INVALID_BODY"] },
    ...badQueries("force=yes", "force=true&force=true"),
  ],
  "POST /api/runs/:id/heartbeat": [],
  "POST /api/runs/:id/verify": [],
  "GET /api/runs/:id/artifacts": [],
  "GET /api/runs/:id/artifacts/:name": badQueries("inline=yes"),
  "PUT /api/runs/:id/artifacts/:name": [
    {
      what: "no media type",
      request: { body: "x", headers: { "content-type": "x" } },
      refused: [400, "INVALID_QUERY"],
    },
    {
      what: "a length beyond all measure",
      request: { body: "x", headers: { "content-type": "text/plain", "content-length": String(6 * 1024 ** 3) } },
      refused: [413, "PAYLOAD_TOO_LARGE"],
    },
  ],
  "GET /api/runs/:id/events": badQueries("after_sequence=x", "limit=1001&format=json", "tail=1&limit=1", "types="),
  "GET /api/runs/:id/metrics": badQueries("", "name=", "name=a&name=a", "name=a&points=1", "name=a&after_sequence=x"),
  "GET /api/runs/:id/search": badQueries("", "q=", "q=a&q=b", "q=(&regex=true", "q=a&case=yes", "q=a&after_sequence=x"),
  "POST /api/runs/:id/events": [
    ...badQueries("raw=yes", "raw=true&raw=true", "stream=yes", "stream=true"),
    { what: "a bad event", request: lines('{"type":"Bad"}'), refused: [422, "INVALID_EVENT"] },
    { what: "half a number", request: lines("x", { "producer-id": "p" }), refused: [422, "INVALID_PRODUCER"] },
    {
      what: "a number with a stream",
      query: "raw=true&stream=true",
      request: lines("x", { "producer-id": "p" }),
      refused: [422, "INVALID_PRODUCER"],
    },
    {
      what: "another content type",
      request: lines("x", { "content-type": "text/html" }),
      refused: [415, "UNSUPPORTED_MEDIA_TYPE"],
    },
    {
      what: "another content type of a stream",
      query: "raw=true&stream=true",
      request: lines("x", { "content-type": "text/html" }),
      refused: [415, "UNSUPPORTED_MEDIA_TYPE"],
    },
    { what: "a body too long", request: lines("x".repeat(4 * 1024 * 1024 + 1)), refused: [413, "PAYLOAD_TOO_LARGE"] },
  ],
};

const UNKNOWN = "0194a8e0-0000-7000-8000-000000000000";
let known: { ws: string; id: string };
let deleted: string;

beforeAll(async () => {
  await seedTokens();
  const create = async (): Promise<string> => {
    const made = await call("POST", "/api/workspaces/default/runs", { as: "operator", json: {} });
    return (await made.json<Run>()).run_id;
  };
  known = { ws: "default", id: await create() };
  await call("PUT", `/api/runs/${known.id}/artifacts/file`, { as: "operator", body: "the file" });
  deleted = await create();
  await call("POST", `/api/runs/${deleted}/cancel`, { as: "operator" });
  expect((await call("DELETE", `/api/runs/${deleted}`, { as: "administrator" })).status).toBe(204);
});

test("every route of a run or workspace is here, but for the sockets", () => {
  const routes = ACCESS.filter(({ path }) => /:(id|ws)/.test(path) && !/(live|produce)$/.test(path))
    // It makes what it is asked of.
    .filter(({ method, path }) => `${method} ${path}` !== "PUT /api/workspaces/:ws")
    .map(({ method, path }) => `${method} ${path}`);
  expect(Object.keys(ROUTES).toSorted()).toEqual(routes.toSorted());
});

/** Whatever is wrong with a request, and when nothing is. */
const CASES = Object.entries(ROUTES).flatMap(([route, wrongs]) =>
  [...wrongs, { what: "nothing wrong" }].map((wrong: Omit<Wrong, "refused"> & Partial<Wrong>) => ({ route, ...wrong })),
);

test.each(CASES)("[ERR5] $route with $what", async ({ route, request, query, refused }) => {
  const [method = "", path = ""] = route.split(" ");
  const ask = async (of: { ws: string; id: string }, as?: Call["as"]): Promise<[number, string]> => {
    const address = path.replace(":ws", of.ws).replace(":id", of.id).replace(":name", "file");
    const whole = query === undefined ? address : `${address}?${query}`;
    const answer = await call(method, whole, { ...request, ...(as === undefined ? {} : { as }) });
    const body = await answer.json<{ code: string }>();
    return [answer.status, body.code];
  };
  const missing = [UNKNOWN, deleted, "no-run"].map((id) => ({ ws: id === "no-run" ? "No" : "nowhere", id }));

  // A stranger is not even told whether there is one.
  for (const of of [known, ...missing]) expect(await ask(of)).toEqual([401, "UNAUTHENTICATED"]);
  if (ACCESS.find((rule) => rule.method === method && rule.path === path)?.caller !== "viewer")
    for (const of of [known, ...missing]) expect(await ask(of, "viewer")).toEqual([403, "FORBIDDEN"]);
  const code = path.includes(":ws") ? "WORKSPACE_NOT_FOUND" : "RUN_NOT_FOUND";
  for (const of of missing) expect(await ask(of, "administrator")).toEqual([404, code]);
  if (refused !== undefined) expect(await ask(known, "administrator")).toEqual(refused);
});
