import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Validator, type Schema } from "@cfworker/json-schema";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { expect, test } from "vitest";
import { ERROR_CODES } from "../protocol/error-code.ts";
import { ACCESS } from "./access.ts";
import { app } from "./app.ts";
import { documentedNames } from "../test/contract/documented.ts";
import { Contract, type AsyncApi } from "../test/support/contract.ts";
import { SocketTraffic, takeSocketFaults } from "../test/support/socket-traffic.ts";
import { asyncApiDocument } from "./async-api.ts";
import { openApiDocument, operationId } from "./open-api-document.ts";

/** The specification's own schema of such documents. */
const asyncApi: Schema = JSON.parse(
  readFileSync(createRequire(import.meta.url).resolve("@asyncapi/specs/schemas/3.0.0-without-$id.json"), "utf8"),
);

const place = { origin: "http://127.0.0.1:8787", cookie: "runcast_session" };
const openApiSource = JSON.stringify(openApiDocument(app, place));
const asyncApiSource = JSON.stringify(asyncApiDocument(new URL(place.origin)));
const contract = new Contract(JSON.parse(openApiSource), JSON.parse(asyncApiSource));

test("the OpenAPI document is without fault", async () => {
  const config = await createConfig({
    extends: ["recommended-strict"],
    // A socket's success is 101, which the rule does not know; that each operation has a success is asked below.
    rules: { "operation-2xx-response": "off" },
  });
  const problems = await lintFromString({ source: openApiSource, absoluteRef: "openapi.json", config });
  expect(problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`)).toEqual([]);
});

test("every row of the access table is documented, and can succeed", () => {
  const { paths }: { paths: Record<string, Record<string, { responses: object }>> } = JSON.parse(openApiSource);
  const documented = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const rows = ACCESS.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  expect(documented.toSorted()).toEqual([...rows, "GET /runcast.mjs"].toSorted());
  for (const operation of Object.values(paths).flatMap((item) => Object.values(item))) {
    expect(Object.keys(operation.responses).some((status) => Number(status) < 300)).toBe(true);
  }
});

test("what the documents promise goes into the report, where `npm test` compares it with what the tests have met", ({
  task,
}) => {
  task.meta.documented = documentedNames(JSON.parse(openApiSource), JSON.parse(asyncApiSource));
  expect(task.meta.documented).toEqual(
    expect.arrayContaining([
      "GET /api/runs/{id}/events 200 text/event-stream",
      "GET /api/runs/{id}/events 204",
      "POST /api/runs/{id}/events 409 PRODUCER_GAP",
      "live says caught_up",
      "produce hears append",
      "workspace closes 4429",
    ]),
  );
});

test("every pattern in the documents is one that a reader can compile", () => {
  const patterns = [...openApiSource.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, json]) =>
    String(JSON.parse(json ?? '""')),
  );
  expect(patterns.length).toBeGreaterThan(5);
  for (const pattern of patterns) {
    expect(() => new RegExp(pattern, "u"), pattern).not.toThrow();
    expect(pattern).not.toMatch(/\$\/[a-z]+$/);
  }
});

test("an operation is called by what it does", () => {
  expect(operationId("get", "/api/runs/{id}/events")).toBe("getRunEvents");
  expect(operationId("put", "/api/runs/{id}/artifacts/{name}")).toBe("putRunArtifact");
  expect(operationId("get", "/api/runs/{id}/badge.svg")).toBe("getRunBadgeSvg");
});

test("the AsyncAPI document is without fault, and says of each message what it means", () => {
  const document: AsyncApi = JSON.parse(asyncApiSource);
  const { valid, errors } = new Validator(asyncApi, "7").validate(document);
  expect([valid, errors.at(-1)]).toEqual([true, undefined]);

  for (const [name, channel] of Object.entries(document.channels)) {
    const said = Object.values(channel.messages).map(({ summary }) => summary);
    expect(
      said.filter((summary) => summary === ""),
      `a message of ${name} has no meaning in async-api.ts`,
    ).toEqual([]);
    const parameters = [...channel.address.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
    expect(Object.keys(channel.parameters)).toEqual(parameters);
  }
  const codes = new Map(
    Object.values(document.channels).flatMap((channel) => Object.entries(channel["x-close-codes"])),
  );
  expect([...codes].filter(([, meaning]) => meaning === "")).toEqual([]);
  const refusals = Object.values(ERROR_CODES).flatMap((row) => ("close" in row ? [String(row.close)] : []));
  expect([...codes.keys()]).toEqual(expect.arrayContaining(refusals));
  const references = Object.values(document.operations).flatMap(({ channel, messages }) => [channel, ...messages]);
  for (const { $ref } of references) {
    const found = $ref
      .slice(2)
      .split("/")
      .reduce<unknown>((at, key) => (Object(at) === at ? Reflect.get(Object(at), key) : undefined), document);
    expect(found, $ref).toBeDefined();
  }
});

const HELLO = '{"op":"hello","workspace_id":"default"}';
test.each<[string, (traffic: SocketTraffic) => void, RegExp | null]>([
  ["what it names, before and after the document is there", (socket) => socket.says(HELLO), null],
  ["pong", (socket) => socket.says("pong"), null],
  ["lines together", (socket) => socket.says(`${HELLO}\n${HELLO}\n`), null],
  [
    "a bad line behind a good one",
    (socket) => socket.says(`${HELLO}\n{"op":"sing"}`),
    /as what workspace says: \{"op":"sing"\}/,
  ],
  ["a field that it does not name", (socket) => socket.says('{"op":"hello","workspace_id":"x","more":1}'), /more/],
  ["a field of another kind", (socket) => socket.says('{"op":"hello","workspace_id":1}'), /workspace_id/],
  ["another socket's frame", (socket) => socket.says('{"op":"caught_up","sequence":1}'), /caught_up/],
  ["no JSON", (socket) => socket.says("hello"), /this is not JSON/],
  ["bytes", (socket) => socket.says(new Uint8Array(2)), /no frame of object/],
  ["ping, from our client", (socket) => socket.hears("ping"), null],
  ["more than ping, from our client", (socket) => socket.hears('{"op":"ack","sequence":1}'), /what workspace hears/],
  ["a close code", (socket) => socket.closes(4401), null],
  ["a cut", (socket) => socket.closes(1006), null],
  ["another socket's close code", (socket) => socket.closes(4413), /4413 as an end of workspace/],
  ["an exception of the server", (socket) => socket.closes(1011), /1011/],
  ["the client's own code, come back", (socket) => (socket.leaves(3123), socket.closes(3123)), null],
])("the traffic of a socket is held against the document: %s", async (_what, happens, fault) => {
  let arrive: (known: Contract) => void = () => {};
  const early = new SocketTraffic(new Promise((resolve) => (arrive = resolve)), "/api/workspaces/default/live?x=1");
  happens(early);
  arrive(contract);
  const whileLoading = await takeSocketFaults();
  happens(early);
  const loaded = await takeSocketFaults();
  for (const faults of [whileLoading, loaded]) {
    if (fault === null) expect(faults).toEqual([]);
    else expect(faults).toEqual([expect.stringMatching(fault)]);
  }
});

test("a socket that no document names is a fault as soon as it says something", async () => {
  new SocketTraffic(Promise.resolve(contract), "/api/elsewhere/live").says(HELLO);
  expect(await takeSocketFaults()).toEqual([expect.stringMatching("No socket is documented at /api/elsewhere/live")]);
});
