import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Validator, type Schema } from "@cfworker/json-schema";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { expect, test } from "vitest";
import { ACCESS } from "./access.ts";
import { app } from "./app.ts";
import type { AsyncApi } from "../test/support/contract.ts";
import { asyncApiDocument } from "./async-api.ts";
import { openApiDocument, operationId } from "./open-api-document.ts";

/** The specification's own schema of such documents. */
const asyncApi: Schema = JSON.parse(
  readFileSync(createRequire(import.meta.url).resolve("@asyncapi/specs/schemas/3.0.0-without-$id.json"), "utf8"),
);

const place = { origin: "http://127.0.0.1:8787", cookie: "runcast_session" };
const openApiSource = JSON.stringify(openApiDocument(app, place));

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
  const document: AsyncApi = JSON.parse(JSON.stringify(asyncApiDocument(new URL(place.origin))));
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
  const references = Object.values(document.operations).flatMap(({ channel, messages }) => [channel, ...messages]);
  for (const { $ref } of references) {
    const found = $ref
      .slice(2)
      .split("/")
      .reduce<unknown>((at, key) => (Object(at) === at ? Reflect.get(Object(at), key) : undefined), document);
    expect(found, $ref).toBeDefined();
  }
});
