import { expect, test } from "vitest";
import { describeKind, exampleOf, fieldsOf, groupRoutes, listSockets, type OpenApi, type Schema } from "./contract.ts";

const schemas: Record<string, Schema> = {
  Run: {
    type: "object",
    required: ["run_id"],
    properties: { run_id: { type: "string" }, parent: { $ref: "#/x/Run" } },
  },
};

test("a kind is said in a word or two", () => {
  expect(describeKind({ type: "integer", minimum: 1, maximum: 1000 })).toBe("integer, 1 to 1000");
  expect(describeKind({ type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER })).toBe("integer, from 0");
  expect(describeKind({ enum: ["keep", "strip"] })).toBe("one of keep, strip");
  expect(describeKind({ type: ["string", "null"], maxLength: 200 })).toBe("string or null, up to 200 characters");
  expect(describeKind({ anyOf: [{ $ref: "#/x/Run" }, { type: "null" }] })).toBe("Run or null");
  expect(describeKind({ type: "array", items: { $ref: "#/x/Run" } })).toBe("list of Run");
  expect(describeKind({})).toBe("any value");
});

test("an example has every field, and a schema that refers to itself ends", () => {
  expect(exampleOf({ $ref: "#/x/Run" }, schemas)).toMatchObject({ run_id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  expect(
    exampleOf({ allOf: [{ properties: { a: { const: 1 } }, type: "object" }, { example: { b: 2 } }] }, {}),
  ).toEqual({
    a: 1,
    b: 2,
  });
});

test("the fields of an object are those of what it refers to", () => {
  expect(fieldsOf({ $ref: "#/x/Run" }, schemas).map(({ name, isRequired }) => [name, isRequired])).toEqual([
    ["run_id", true],
    ["parent", false],
  ]);
});

test("routes come in the document's groups, sockets with what each side says", () => {
  const operation = { operationId: "getRun", tags: ["Runs"], responses: {} };
  const document: OpenApi = {
    info: { title: "", version: "1", description: "" },
    tags: [
      { name: "Runs", description: "" },
      { name: "None", description: "" },
    ],
    paths: { "/api/runs/{id}": { get: operation } },
    components: { schemas },
  };
  expect(groupRoutes(document).map(({ name, routes }) => [name, routes.length])).toEqual([["Runs", 1]]);
  const hello = { name: "hello", summary: "", contentType: "application/json", payload: {} };
  const channel = {
    address: "/live",
    title: "runcast.v1",
    description: "",
    messages: { hello },
    bindings: { ws: { query: { properties: { stay: { type: "string" } } } } },
  };
  const [socket] = listSockets({
    info: { description: "" },
    channels: { live: channel },
    operations: { liveSays: { action: "send", messages: [{ $ref: "#/channels/live/messages/hello" }] } },
  });
  expect(socket).toMatchObject({ name: "live", says: [hello], hears: [], query: [["stay", { type: "string" }]] });
});
