import { expect, test } from "vitest";
import { Contract, type AsyncApi, type OpenApi } from "../support/contract.ts";
import { documentedNames } from "./documented.ts";
import { findUnmet } from "./unmet.mjs";

const PROBLEM: [string, string] = ["content-type", "application/problem+json"];
const problem = { "application/problem+json": { schema: {} } };
const openapi: OpenApi = {
  paths: {
    "/api/things/{id}": {
      get: {
        operationId: "getThing",
        responses: {
          "200": { content: { "application/json": {}, "*/*": {} } },
          "204": {},
          "404": { content: problem, "x-codes": ["GONE", "NEVER_WAS"] },
        },
      },
    },
  },
  components: { schemas: {} },
};
const asyncapi: AsyncApi = {
  channels: {
    live: {
      address: "/api/things/{id}/live",
      parameters: {},
      messages: Object.fromEntries(
        ["hello", "ping"].map((name) => [
          name,
          { name, summary: name, contentType: "text/plain", payload: { const: name } },
        ]),
      ),
      bindings: { ws: { query: {} } },
      "x-close-codes": { "1000": "the end", "4404": "no such thing" },
    },
  },
  operations: {
    liveSays: { action: "send", channel: { $ref: "" }, messages: [{ $ref: "#/channels/live/messages/hello" }] },
    liveHears: { action: "receive", channel: { $ref: "" }, messages: [{ $ref: "#/channels/live/messages/ping" }] },
  },
};
const documented = new Set(documentedNames(openapi, asyncapi));

/** Traffic that meets each of them, and nothing else. */
const TRAFFIC: Record<string, (contract: Contract) => string | null> = {
  "GET /api/things/{id} 200 application/json": answer(200, "application/json; charset=utf-8", "{}"),
  "GET /api/things/{id} 200 */*": answer(200, "image/png", null),
  "GET /api/things/{id} 204": answer(204, "application/json", ""),
  "GET /api/things/{id} 404 GONE": answer(404, "application/problem+json", '{"code":"GONE"}'),
  "GET /api/things/{id} 404 NEVER_WAS": answer(404, "application/problem+json", '{"code":"NEVER_WAS"}'),
  "any other path 404 NOT_FOUND": (contract) =>
    contract.faultOf({ method: "GET", path: "/api/x", status: 404, headers: [PROBLEM], text: null }),
  "any other method 405 METHOD_NOT_ALLOWED": (contract) =>
    contract.faultOf({
      method: "PUT",
      path: "/api/things/1",
      status: 405,
      headers: [PROBLEM, ["allow", ""]],
      text: null,
    }),
  "live says hello": (contract) => contract.frameFaultOf("live", "Says", "hello"),
  "live hears ping": (contract) => contract.frameFaultOf("live", "Hears", "ping"),
  "live closes 1000": (contract) => contract.closeFaultOf("live", 1000),
  "live closes 4404": (contract) => contract.closeFaultOf("live", 4404),
};

function answer(status: number, contentType: string | null, text: string | null) {
  const headers: [string, string][] = contentType === null ? [] : [["Content-Type", contentType]];
  return (contract: Contract) => contract.faultOf({ method: "GET", path: "/api/things/1?x=1", status, headers, text });
}

const meetAll = (names: string[]): Set<string> => {
  const met = new Set<string>();
  const contract = new Contract(openapi, asyncapi, (name) => met.add(name));
  for (const name of names) expect(TRAFFIC[name]?.(contract)).toBeNull();
  return met;
};

test("everything documented has a name, and traffic that meets it", () => {
  expect([...documented].toSorted()).toEqual(Object.keys(TRAFFIC).toSorted());
  expect(findUnmet(documented, meetAll(Object.keys(TRAFFIC)))).toEqual([]);
});

test.each([...documented])("what no test meets is found: %s", (gap) => {
  const met = meetAll([...documented].filter((name) => name !== gap));
  expect(findUnmet(documented, met)).toEqual([`no test meets: ${gap}`]);
  expect(findUnmet(documented, met, new Map([[gap, "for a reason"]]))).toEqual([]);
});

test("neither a refusal whose code was not read nor a HEAD meets anything", () => {
  const met = new Set<string>();
  const contract = new Contract(openapi, asyncapi, (name) => met.add(name));
  const unread = { path: "/api/things/1", status: 404, headers: [PROBLEM] };
  expect(contract.faultOf({ method: "GET", ...unread, text: null })).toBeNull();
  expect(contract.faultOf({ method: "HEAD", ...unread, text: "" })).toBeNull();
  expect([...met]).toEqual([]);
});

test("an exemption that nothing needs is found", () => {
  const exempt = new Map([
    ["live says hello", "met all the same"],
    ["live says goodbye", "not documented"],
  ]);
  expect(findUnmet(documented, meetAll([...documented]), exempt)).toEqual([
    "exempt without need: live says hello",
    "exempt without need: live says goodbye",
  ]);
});

test("a report without what is documented is no proof", () => {
  expect(findUnmet(new Set(), new Set())).toEqual([expect.stringContaining("no test has told what is documented")]);
});
