import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api, type Bytes, consoleLine } from "../support/api.ts";
import { removeServers, startServer } from "../support/server-process.ts";

/** Nothing that a producer can send makes the server fail, and what it refuses leaves no trace. */

let api: Api;
let runId: string;
beforeAll(async () => {
  const server = await startServer();
  api = new Api(server.url, server.token);
  ({ run_id: runId } = await api.createRun());
  await api.add(runId, [{ type: "run.started" }, consoleLine("before")]);
  // A producer in epoch 2 at batch 3, for the refusals that depend on it.
  for (const sequence of ["1", "2", "3"])
    await api.add(runId, [consoleLine(`p ${sequence}`)], numbered("p", "2", sequence));
});
afterAll(removeServers);

const numbered = (id: string, epoch: string, sequence: string): Record<string, string> => ({
  "producer-id": id,
  "producer-epoch": epoch,
  "producer-sequence": sequence,
});

const JSON_TYPE = { "content-type": "application/json" };
const good = JSON.stringify(consoleLine("good"));
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
const bytes = (...parts: (string | number[])[]): Bytes =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));

type Refused = {
  what: string;
  body: string | Bytes;
  headers?: Record<string, string>;
  status: number;
  code: string;
  line?: number;
  expected?: number;
};

const event = (type: string, payload: string): string => `{"type":"${type}","payload":${payload}}`;
const badShape = (what: string, line: string): Refused => ({
  what,
  body: `${good}\n\n${line}\n${good}\n`,
  status: 422,
  code: "INVALID_EVENT",
  line: 3,
});

const REFUSED: Refused[] = [
  // Shapes. The bad line is the third physical one; the blank second one counts.
  badShape("a type without a dot", event("console", "{}")),
  badShape("a type in capitals", event("Console.line", "{}")),
  badShape("an empty type", event("", "{}")),
  badShape("a type of 81 characters", event(`a.${"b".repeat(79)}`, "{}")),
  badShape("a type that ends in a dot", event("a.b.", "{}")),
  badShape("a payload that is null", event("x.y", "null")),
  badShape("a payload that is an array", event("x.y", "[]")),
  badShape("a payload that is a text", event("x.y", '"text"')),
  badShape("a source that is a number", '{"type":"x.y","source":1}'),
  badShape("a step that is an object", '{"type":"x.y","step":{}}'),
  badShape("a time without an offset", '{"type":"x.y","created_at":"2026-11-21T02:30:00"}'),
  badShape("a time that is no day", '{"type":"x.y","created_at":"2026-02-30T02:30:00Z"}'),
  badShape("a time that is null", '{"type":"x.y","created_at":null}'),
  badShape("a console.line without its stream", event("console.line", '{"message":"m"}')),
  badShape("a console.line on another stream", event("console.line", '{"stream":"stdin","message":"m"}')),
  badShape("a console.line whose message is a number", event("console.line", '{"stream":"stdout","message":1}')),
  badShape("a level that is none", event("console.line", '{"stream":"stdout","message":"m","level":"loud"}')),
  badShape("a partial that is a text", event("console.line", '{"stream":"stdout","message":"m","partial":"yes"}')),
  badShape("progress of 101 percent", event("run.progress", '{"percent":101}')),
  badShape("progress below nothing", event("run.progress", '{"percent":-0.1}')),
  badShape("more items than there are", event("run.progress", '{"items_processed":2,"items_total":1}')),
  badShape("a step that did not end in a known way", event("step.completed", '{"status":"done"}')),
  badShape("a metric that is not a number", event("metric.recorded", '{"name":"m","value":"1"}')),
  badShape("a metric that is no finite number", event("metric.recorded", '{"name":"m","value":1e400}')),
  badShape(
    "an issue of unknown severity",
    event("run.validation.issue", '{"severity":"bad","code":"C","message":"m"}'),
  ),
  badShape("a table with half a row", event("run.table.summary", '{"table_id":"t","row_count":0.5}')),
  badShape("an error without its message", event("run.error", '{"code":"C"}')),
  badShape("an end in no known status", event("run.completed", '{"status":"completed"}')),
  badShape("an end with half an exit code", event("run.completed", '{"status":"failed","exit_code":0.5}')),
  badShape("a failure without its code", event("run.completed", '{"status":"failed","failure":{"message":"m"}}')),
  badShape("129 levels", `{"type":"x.y","payload":${nested(129)}}`),
  badShape("100,000 levels", `{"type":"x.y","payload":${nested(100_000)}}`),
  badShape("129 levels beside the payload", `{"type":"x.y","more":${nested(129)}}`),
  badShape("100,000 levels and a long number", `{"type":"x.y","payload":${nested(100_000)},"n":12345678901234567890}`),
  badShape("a type behind a NUL", '{"type":"x.\\u0000y"}'),
  badShape("a type that is half a character", '{"type":"x.\\ud800"}'),
  {
    what: "an end before other lines",
    body: `${event("run.completed", '{"status":"failed"}')}\n${good}\n`,
    status: 422,
    code: "INVALID_EVENT",
    line: 1,
  },
  {
    what: "two ends",
    body: `${good}\n${event("run.completed", '{"status":"failed"}')}\n${event("run.completed", '{"status":"failed"}')}`,
    status: 422,
    code: "INVALID_EVENT",
    line: 2,
  },
  {
    what: "an end before raw output",
    body: `${event("run.completed", '{"status":"failed"}')}\nmore`,
    status: 422,
    code: "INVALID_EVENT",
    line: 1,
  },
  // Types that only the server writes.
  ...[
    "run.queued",
    "artifact.created",
    "control.requested",
    "producer.lost",
    "producer.returned",
    "log.degraded",
    "log.recovered",
  ].map((type): Refused => ({
    what: type,
    body: `${good}\n${event(type, "{}")}`,
    status: 422,
    code: "RESERVED_TYPE",
    line: 2,
  })),
  // Sizes.
  {
    what: "an event over 256 KiB",
    body: `${good}\n${JSON.stringify(consoleLine("x".repeat(256 * 1024)))}`,
    status: 413,
    code: "EVENT_TOO_LARGE",
    line: 2,
  },
  {
    what: "an end over 64 KiB",
    body: JSON.stringify({
      type: "run.completed",
      payload: { status: "failed", failure: { code: "C", message: "x".repeat(65_536) } },
    }),
    status: 413,
    code: "EVENT_TOO_LARGE",
    line: 1,
  },
  { what: "a body over 4 MiB", body: "x\n".repeat(2 * 1024 * 1024 + 1), status: 413, code: "PAYLOAD_TOO_LARGE" },
  { what: "a body of 20 MB", body: new Uint8Array(20_000_000), status: 413, code: "PAYLOAD_TOO_LARGE" },
  // JSON.
  { what: "JSON that breaks off", body: '[{"type":"x.y"}', headers: JSON_TYPE, status: 422, code: "INVALID_JSON" },
  { what: "no JSON at all", body: "", headers: JSON_TYPE, status: 422, code: "INVALID_JSON" },
  {
    what: "JSON that is not UTF-8",
    body: bytes('{"type":"x.y","source":"', [0xff], '"}'),
    headers: JSON_TYPE,
    status: 422,
    code: "INVALID_JSON",
  },
  {
    what: "JSON behind a byte-order mark",
    body: bytes([0xef, 0xbb, 0xbf], good),
    headers: JSON_TYPE,
    status: 422,
    code: "INVALID_JSON",
  },
  { what: "NUL bytes for JSON", body: new Uint8Array(8), headers: JSON_TYPE, status: 422, code: "INVALID_JSON" },
  {
    what: "a lone minus",
    body: '[{"type":"x.y","payload":{"n":-}}]',
    headers: JSON_TYPE,
    status: 422,
    code: "INVALID_JSON",
  },
  {
    what: "an array whose second item is a number",
    body: `[${good},1]`,
    headers: JSON_TYPE,
    status: 422,
    code: "INVALID_EVENT",
    line: 2,
  },
  {
    what: "an array whose second item has no type",
    body: `[${good},{"payload":{}}]`,
    headers: JSON_TYPE,
    status: 422,
    code: "INVALID_EVENT",
    line: 2,
  },
  { what: "an object without a type", body: "{}", headers: JSON_TYPE, status: 422, code: "INVALID_EVENT", line: 1 },
  { what: "null", body: "null", headers: JSON_TYPE, status: 422, code: "INVALID_EVENT", line: 1 },
  {
    what: "an array of 100,000 levels",
    body: `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
    headers: JSON_TYPE,
    status: 422,
    code: "INVALID_EVENT",
    line: 1,
  },
  {
    what: "JSON whose second item is reserved",
    body: `[${good},{"type":"run.queued"}]`,
    headers: JSON_TYPE,
    status: 422,
    code: "RESERVED_TYPE",
    line: 2,
  },
  // Content types.
  ...["application/xml", "multipart/form-data; boundary=x", "text/html", "application/octet-stream", "nonsense"].map(
    (type): Refused => ({
      what: type,
      body: good,
      headers: { "content-type": type },
      status: 415,
      code: "UNSUPPORTED_MEDIA_TYPE",
    }),
  ),
  // Producer fields.
  ...(
    [
      ["a producer alone", { "producer-id": "p" }],
      ["no epoch", { "producer-id": "q", "producer-sequence": "1" }],
      ["no id", { "producer-epoch": "0", "producer-sequence": "1" }],
      ["an epoch below nothing", numbered("q", "-1", "1")],
      ["half an epoch", numbered("q", "0.5", "1")],
      ["an epoch of 2^53", numbered("q", "9007199254740992", "1")],
      ["batch 0", numbered("q", "0", "0")],
      ["a batch in words", numbered("q", "0", "one")],
      ["a batch in hexadecimal", numbered("q", "0", "0x1")],
      ["a batch with an exponent", numbered("q", "0", "1e0")],
      ["an id of 201 characters", numbered("q".repeat(201), "0", "1")],
      ["an id beyond ASCII", numbered("prodüktion", "0", "1")],
      ["an empty id", numbered("", "0", "1")],
    ] as const
  ).map(([what, headers]): Refused => ({ what, body: good, headers, status: 422, code: "INVALID_PRODUCER" })),
  {
    what: "a batch ahead",
    body: good,
    headers: numbered("p", "2", "5"),
    status: 409,
    code: "PRODUCER_GAP",
    expected: 4,
  },
  {
    what: "a newer epoch that does not begin at 1",
    body: good,
    headers: numbered("p", "3", "2"),
    status: 409,
    code: "PRODUCER_GAP",
    expected: 1,
  },
  {
    what: "an unknown producer that does not begin at 1",
    body: good,
    headers: numbered("new", "0", "2"),
    status: 409,
    code: "PRODUCER_GAP",
    expected: 1,
  },
  { what: "an older epoch", body: good, headers: numbered("p", "1", "4"), status: 403, code: "PRODUCER_FENCED" },
  // The order of the checks: each body below breaks several rules.
  {
    what: "too large before the producer's fields",
    body: new Uint8Array(5_000_000),
    headers: { "producer-id": "p" },
    status: 413,
    code: "PAYLOAD_TOO_LARGE",
  },
  {
    what: "the producer's fields before the content type",
    body: "{",
    headers: { "producer-id": "p", "content-type": "a/b" },
    status: 422,
    code: "INVALID_PRODUCER",
  },
  {
    what: "fenced before the content type",
    body: "{",
    headers: { ...numbered("p", "1", "9"), "content-type": "a/b" },
    status: 403,
    code: "PRODUCER_FENCED",
  },
  {
    what: "a gap before the content type",
    body: "{",
    headers: { ...numbered("p", "2", "9"), "content-type": "a/b" },
    status: 409,
    code: "PRODUCER_GAP",
    expected: 4,
  },
  {
    what: "the content type before the shape",
    body: event("run.queued", "{}"),
    headers: { ...numbered("p", "2", "4"), "content-type": "a/b" },
    status: 415,
    code: "UNSUPPORTED_MEDIA_TYPE",
  },
  {
    what: "the shape before the move",
    body: `${event("build.started", "{}")}\n${event("x", "{}")}`,
    status: 422,
    code: "INVALID_EVENT",
    line: 2,
  },
  {
    what: "a move that is not legal",
    body: `${good}\n${event("build.started", "{}")}`,
    status: 409,
    code: "ILLEGAL_MOVE",
  },
];

describe("a refused batch gets its documented answer and leaves no trace", () => {
  test.each(REFUSED)(
    "[APP1] [APP2] [APP15] $what: $status $code",
    async ({ body, headers, status, code, line, expected }) => {
      const before = (await api.read(runId)).text;
      const answer = await api.append(runId, body, headers);
      expect([answer.status, answer.json()]).toMatchObject([status, { status, code }]);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      const problem = answer.json();
      expect([problem.line, problem.expected]).toEqual([line, expected]);
      expect(problem.request_id).toBe(answer.headers.get("x-request-id"));
      expect((await api.read(runId)).text).toBe(before);
    },
  );

  test("no refused batch used up a number or fenced anybody", async () => {
    const answer = await api.add(runId, [consoleLine("p 4")], numbered("p", "2", "4"));
    expect(answer).toMatchObject({ accepted: 1, duplicate: false });
    expect(await api.add(runId, [consoleLine("new 1")], numbered("new", "0", "1"))).toMatchObject({ duplicate: false });
  });

  test("a repeat is answered as one whatever its body is by now", async () => {
    const before = (await api.read(runId)).text;
    const again = await api.append(runId, "{", { ...numbered("p", "2", "1"), "content-type": "a/b" });
    expect([again.status, again.json()]).toMatchObject([200, { duplicate: true, accepted: 1 }]);
    expect((await api.read(runId)).text).toBe(before);
  });

  test("a run that is not there: 404 before anything else, 401 before that", async () => {
    for (const id of ["018f0000-0000-7000-8000-000000000000", "nonsense", "..%2f..", "a".repeat(3_000), "%00"]) {
      const answer = await api.append(id, "{", { "producer-id": "p" });
      expect([answer.status, answer.json().code]).toEqual([404, "RUN_NOT_FOUND"]);
    }
    const stranger = await api.ask("POST", `/api/runs/${runId}/events`, { body: "{", token: "nobody" });
    expect([stranger.status, stranger.json().code]).toEqual([401, "UNAUTHENTICATED"]);
  });

  test("a query that cannot be read: 400", async () => {
    const before = (await api.read(runId)).text;
    const answer = await api.ask("POST", `/api/runs/${runId}/events?raw=maybe`, { body: "x" });
    expect([answer.status, answer.json().code]).toEqual([400, "INVALID_QUERY"]);
    expect((await api.read(runId)).text).toBe(before);
  });
});

test(
  "no bytes make the server fail: what it takes is in the log, what it refuses is not",
  { timeout: 60_000 },
  async () => {
    const { run_id } = await api.createRun();
    await api.add(run_id, [{ type: "run.started" }]);
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
      fc.json({ maxDepth: 6 }).map((json) => Buffer.from(json)),
      fc
        .record({
          type: fc.constantFrom("x.y", "console.line", "run.progress", "metric.recorded", "q"),
          payload: fc.jsonValue(),
        })
        .map((value) => Buffer.from(JSON.stringify(value))),
      fc
        .constantFrom("\n", "\r\n", "\u0000", "\ufeff", "{", '{"type":"a.b"}', '"', "\\ud800", "[", "😀", "1e999")
        .map((text) => Buffer.from(text)),
    );
    const contentType = fc.constantFrom("application/x-ndjson", "application/json", "text/plain", "text/html", "");
    let head = 2;
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), contentType, fc.boolean(), async (pieces, type, raw) => {
        const answer = await api.ask("POST", `/api/runs/${run_id}/events?raw=${raw}`, {
          body: Buffer.concat(pieces),
          headers: type === "" ? {} : { "content-type": type },
        });
        expect([200, 413, 415, 422]).toContain(answer.status);
        if (answer.status === 200) head += answer.json<{ accepted: number }>().accepted;
        expect((await api.run(run_id)).last_sequence).toBe(head);
      }),
      { numRuns: 150, seed: 20_261_121 },
    );
    const lines = await api.lines(run_id);
    expect(lines).toHaveLength(head);
    for (const [at, line] of lines.entries()) expect(JSON.parse(line).sequence).toBe(at + 1);
  },
);

test("[WRD1] [RED4] [RED5] queries of every kind: never 500, and a position that cannot be read is 400", async () => {
  const bad = [
    "after_sequence=-1",
    "after_sequence=x",
    "after_sequence=1&from_sequence=2",
    "from_sequence=0",
    "limit=0",
    "limit=1e3",
    "limit=x",
    "types=",
    "types=A",
    "tail=-1",
    "tail=1&limit=1",
    "tail=1&after_sequence=1",
    "stream=1",
    "follow=yes",
    "format=xml",
    "ansi=no&format=text",
    "after_sequence=9007199254740992",
    "stream=true&format=text",
  ];
  for (const query of bad) {
    const answer = await api.read(runId, query);
    expect([query, answer.status, answer.json().code]).toEqual([query, 400, "INVALID_QUERY"]);
  }
  const page = await api.read(runId, "limit=1001", { accept: "application/json" });
  expect([page.status, page.json().code]).toEqual([400, "INVALID_QUERY"]);
  const event = await api.read(runId, "", { accept: "text/event-stream", "last-event-id": "x" });
  expect([event.status, event.json().code]).toEqual([400, "INVALID_QUERY"]);
  const nothing = await api.read(runId, "", { accept: "image/png" });
  expect(nothing.status).toBe(406);
});

test("[APP13] a body of 4 MiB is taken, unless its lines would grow beyond the limit of a batch", async () => {
  const { run_id } = await api.createRun();
  const small = await api.append(run_id, "x\n".repeat(2 * 1024 * 1024));
  expect([small.status, small.json().code]).toEqual([413, "PAYLOAD_TOO_LARGE"]);
  expect(small.json().line).toBeGreaterThan(100_000);

  // What grows sixfold, in lines that a string holds with two bytes a character: the largest on their way from the Worker to the object.
  const escaped = `${"\u0001".repeat(40_000)}☃\n`;
  const grown = await api.append(run_id, escaped.repeat(104));
  expect([grown.status, grown.json()]).toMatchObject([200, { accepted: 104 }]);

  const line = `${"☃".repeat(13)}\n`;
  const count = Math.floor((4 * 1024 * 1024) / Buffer.byteLength(line));
  const most = await api.append(run_id, line.repeat(count));
  expect([most.status, most.json()]).toMatchObject([200, { accepted: count, last_sequence: count + 106 }]);
  expect((await api.read(run_id, "format=text&after_sequence=106")).text).toBe(line.repeat(count));
});

test("[ERR6] whoever is still sending when a refusal is decided can read it", async () => {
  const large = "x".repeat(5_000_000);
  const asks: [string, string, number, string | null, Record<string, string>][] = [
    ["PUT", "/api/workspaces/none", 413, api.token, { "content-type": "text/csv" }],
    ["POST", "/api/workspaces/default/runs", 401, "nobody", JSON_TYPE],
    ["POST", "/api/nowhere", 404, api.token, JSON_TYPE],
    ["PUT", "/api/workspaces", 405, api.token, JSON_TYPE],
    ["DELETE", "/api/session", 204, api.token, JSON_TYPE],
    ["POST", `/api/runs/${runId}/events`, 401, null, JSON_TYPE],
  ];
  for (let round = 0; round < 5; round += 1) {
    for (const [method, path, status, token, headers] of asks) {
      expect((await api.ask(method, path, { body: large, token, headers })).status, `${method} ${path}`).toBe(status);
    }
  }
});
