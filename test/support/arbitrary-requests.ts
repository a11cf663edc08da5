import type { Schema } from "@cfworker/json-schema";
import fc from "fast-check";
import type { Media, OpenApi, Operation, Parameter } from "./contract.ts";

/**
 * Random requests made from the OpenAPI document: some as it asks for them, most with something broken. Whom and what they are about is a word
 * (`<open>`, `<administrator>`) until they are sent, so that the same seed makes the same requests of another server.
 */
export type RandomRequest = {
  method: string;
  path: string;
  headers: [string, string][];
  body: Uint8Array<ArrayBuffer> | null;
};

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

export function randomRequest(document: OpenApi): fc.Arbitrary<RandomRequest> {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => requestOf(document, path, method.toUpperCase(), operation)),
  );
  return fc.oneof(...operations);
}

function requestOf(document: OpenApi, path: string, method: string, operation: Operation): fc.Arbitrary<RandomRequest> {
  const parameters = operation.parameters ?? [];
  const of = (place: string): Parameter[] => parameters.filter((parameter) => parameter.in === place);
  return fc
    .record({
      path: randomPath(path),
      query: randomQuery(document, of("query")),
      method: mostly(fc.constant(method), fc.constantFrom(...METHODS), 12),
      headers: randomHeaders(document, of("header"), operation),
      body: randomBody(document, operation),
    })
    .map(({ path: target, query, headers, body, method: wanted }) => ({
      method: wanted,
      path: target + (query === "" ? "" : `?${query}`),
      headers: body.contentType === null ? headers : [...headers, ["content-type", body.contentType]],
      body: wanted === "GET" || wanted === "HEAD" ? null : body.bytes,
    }));
}

/** Mostly the first; about once in `times` the second. */
export const mostly = <Value>(
  usual: fc.Arbitrary<Value>,
  other: fc.Arbitrary<Value>,
  times: number,
): fc.Arbitrary<Value> => fc.oneof({ arbitrary: usual, weight: times - 1 }, { arbitrary: other, weight: 1 });

export const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.string({ unit: "grapheme", maxLength: 30 }),
);
const oddities = fc.constantFrom(
  ..."0 -1 1.5 1e3 9007199254740992 99999999999999999999 NaN null true undefined [] {} ' \" \\ ; .. . * %".split(" "),
  "",
  " ",
  "\u0000",
  "\ud800",
  "é",
  "x".repeat(3_000),
);

const PLACES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  ws: mostly(fc.constant("default"), fc.constantFrom("none", "No", "-", "a".repeat(41)), 6),
  id: mostly(
    fc.constantFrom("<open>", "<ended>"),
    fc.constantFrom("0194a8e0-0000-7000-8000-000000000000", "0194A8E0-0000-7000-8000-000000000000", "1"),
    6,
  ),
  name: mostly(fc.constantFrom("report.txt", "a b.png", "ünï.bin"), text, 4),
};

function randomPath(template: string): fc.Arbitrary<string> {
  const parts = template.split(/(\{\w+\})/).map((part) => {
    if (!part.startsWith("{")) return fc.constant(part);
    const known = PLACES[part.slice(1, -1)];
    if (known === undefined) throw new Error(`say in PLACES what ${part} of ${template} may be`);
    return mostly(known, fc.oneof(text, oddities), 12).map((value) =>
      value.startsWith("<") ? value : escapePart(value),
    );
  });
  return fc.tuple(...parts).map((chosen) => chosen.join(""));
}

/** Lone surrogates have no UTF-8; a part of one or two dots would make it another path, escaped or not. */
const escapePart = (value: string): string =>
  encodeURIComponent(value.toWellFormed()).replace(/^\.{1,2}$/, (dots) => `${dots}-`);

const nothing: fc.Arbitrary<string[][]> = fc.constant([]);

function randomQuery(document: OpenApi, parameters: Parameter[]): fc.Arbitrary<string> {
  const one = parameters.map(({ name, schema, required }) => {
    const good = valueOf(document, schema).map(String);
    const value = mostly(good, fc.oneof(oddities, text), 4).map((chosen) => [[name, chosen]]);
    const present = mostly(
      value,
      fc.tuple(good, good).map(([a, b]) => [
        [name, a],
        [name, b],
      ]),
      20,
    );
    return required === true ? mostly(present, nothing, 8) : mostly(nothing, present, 3);
  });
  const unknown = mostly(nothing, fc.constant([["nobody_asked", "1"]]), 30);
  return fc.tuple(...one, unknown).map((pairs) =>
    pairs
      .flat()
      .map((pair) => pair.map((part) => encodeURIComponent((part ?? "").toWellFormed())).join("="))
      .join("&"),
  );
}

const TOKENS = mostly(
  fc.constant("Bearer <administrator>"),
  fc.constantFrom(null, "Bearer <viewer>", "Bearer nobody", "Basic eDp5", "Bearer", "\u00ff"),
  8,
);

/** What a header can carry at all: the client refuses to send the rest. */
const sendable = (value: string): string => value.replaceAll(/[^\t\u0020-\u007e\u0080-\u00ff]/g, "");

function randomHeaders(
  document: OpenApi,
  parameters: Parameter[],
  operation: Operation,
): fc.Arbitrary<[string, string][]> {
  const accepted = Object.values(operation.responses).flatMap(({ content = {} }) => Object.keys(content));
  const accept = mostly(
    fc.constantFrom(null, "*/*", ...accepted),
    fc.oneof(text, fc.constantFrom("image/avif", "text/html;q=0.5, application/json;q=x", ";", "application/json;q=0")),
    8,
  );
  const own = parameters.map(({ name, schema }) => {
    const good = valueOf(document, schema).map(String);
    const value = mostly(
      good,
      fc.oneof(oddities, text, fc.constantFrom("bytes=0-", "bytes=-5", "bytes=5-1", '"x"')),
      3,
    );
    return mostly(
      fc.constant<[string, string | null]>([name, null]),
      value.map((chosen) => [name, chosen]),
      2,
    );
  });
  const origin = mostly(fc.constant(null), fc.constantFrom("null", "https://evil.example"), 20);
  return fc
    .tuple(TOKENS, accept, origin, ...own)
    .map(([token, wanted, from, ...rest]) =>
      ([["authorization", token], ["accept", wanted], ["origin", from], ...rest] as [string, string | null][]).flatMap(
        ([name, value]): [string, string][] => (value === null ? [] : [[name, sendable(value)]]),
      ),
    );
}

type Body = { contentType: string | null; bytes: Uint8Array<ArrayBuffer> | null };
const encode = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

function randomBody(document: OpenApi, { requestBody }: Operation): fc.Arbitrary<Body> {
  const content = Object.entries(requestBody?.content ?? {});
  const types = fc.constantFrom(
    "text/csv",
    "application/json",
    "",
    "APPLICATION/JSON; charset=utf-16",
    "a",
    "multipart/form-data",
  );
  const junk: fc.Arbitrary<Body> = fc.record({ contentType: types, bytes: junkBytes });
  const none: fc.Arbitrary<Body> = fc.constant({ contentType: null, bytes: null });
  if (content.length === 0) return mostly(none, junk, 15);
  const kinds = content.map(([contentType, media]) =>
    fc.record({
      contentType: mostly(fc.constant(contentType), types, 10),
      bytes: bodyOf(document, contentType, media),
    }),
  );
  return fc.oneof(
    ...kinds.map((arbitrary) => ({ arbitrary, weight: 6 })),
    { arbitrary: junk, weight: 1 },
    { arbitrary: none, weight: 1 },
  );
}

const deep = (levels: number): string => `{"parameters":${'{"a":'.repeat(levels)}1${"}".repeat(levels)}}`;

const junkBytes: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.oneof(
  { arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)), weight: 6 },
  { arbitrary: fc.json({ stringUnit: "binary" }).map(encode), weight: 6 },
  {
    arbitrary: fc
      .constantFrom('{"__proto__":{"a":1}}', "\ufeff{}", "[[[[", "\u0000", deep(200), deep(20_000))
      .map(encode),
    weight: 3,
  },
  { arbitrary: fc.constant("x".repeat(4 * 1024 * 1024 + 1)).map(encode), weight: 1 },
);

function bodyOf(document: OpenApi, contentType: string, media: Media): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const itemSchema = media["x-itemSchema"];
  if (itemSchema !== undefined) {
    const line = fc.oneof(
      broken(document, itemSchema).map((value) => JSON.stringify(value)),
      text,
    );
    return mostly(
      fc.array(line, { maxLength: 5 }).map((lines) => encode(lines.join("\n"))),
      junkBytes,
      8,
    );
  }
  if (!contentType.endsWith("json") || media.schema === undefined) return mostly(text.map(encode), junkBytes, 3);
  const whole = broken(document, media.schema).map((value) => JSON.stringify(value) ?? "");
  const cut = fc.tuple(whole, fc.nat(50)).map(([json, at]) => json.slice(0, at));
  return mostly(mostly(whole, cut, 12).map(encode), junkBytes, 10);
}

/** A value as the schema has it, in half of the cases with one thing wrong. */
export function broken(document: OpenApi, schema: Schema): fc.Arbitrary<unknown> {
  const good = valueOf(document, schema);
  const wrong = fc.oneof(fc.jsonValue({ stringUnit: "binary" }), oddities, fc.constant("x".repeat(70_000)));
  const names = fc.oneof(fc.constantFrom("__proto__", "constructor", "extra", ""), text);
  const harmed = fc.tuple(good, fc.nat(), names, wrong, fc.nat(2)).map(([value, at, name, other, how]) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return other;
    const fields = Object.entries(value);
    const chosen = fields.length === 0 ? -1 : at % fields.length;
    if (how === 0) return Object.fromEntries(fields.filter((_, index) => index !== chosen));
    if (how === 1) return Object.fromEntries([...fields, [name, other]]);
    return Object.fromEntries(fields.map(([key, kept], index) => [key, index === chosen ? other : kept]));
  });
  return mostly(good, harmed, 2);
}

/** A value that the schema allows, as far as it is of what this document uses. */
export function valueOf(document: OpenApi, schema: Schema): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) {
    const named = document.components.schemas[schema.$ref.split("/").at(-1) ?? ""];
    if (named === undefined) throw new Error(`${schema.$ref} is nowhere`);
    return valueOf(document, named);
  }
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const variants = schema.oneOf ?? schema.anyOf ?? (schema.allOf?.length === 1 ? schema.allOf : undefined);
  if (variants !== undefined) return fc.oneof(...variants.map((variant) => valueOf(document, variant)));
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type) => valueOf(document, { ...schema, type })));
  }
  switch (schema.type) {
    case "string":
      return stringOf(schema);
    case "integer":
      return fc.oneof(
        fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1_000, (schema.minimum ?? 0) + 1_000) }),
        fc.constantFrom(schema.minimum ?? 0, Math.min(schema.maximum ?? 2 ** 31, Number.MAX_SAFE_INTEGER)),
      );
    case "number":
      return fc.double({ min: schema.minimum ?? -1e9, max: schema.maximum ?? 1e9, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(
        schema.items === undefined || Array.isArray(schema.items) || typeof schema.items === "boolean"
          ? fc.jsonValue()
          : valueOf(document, schema.items),
        { maxLength: 4 },
      );
    case "object":
      return objectOf(document, schema);
    case undefined:
      return fc.jsonValue({ stringUnit: "binary" });
  }
}

function stringOf(schema: Schema): fc.Arbitrary<string> {
  if (schema.format === "date-time") {
    return fc
      .date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString());
  }
  if (schema.pattern !== undefined) {
    const matching = fc.stringMatching(new RegExp(schema.pattern));
    return matching.filter(({ length }) => length >= (schema.minLength ?? 0) && length <= (schema.maxLength ?? 1e6));
  }
  const minLength = schema.minLength ?? 0;
  return fc.string({ unit: "binary", minLength, maxLength: Math.max(minLength, Math.min(schema.maxLength ?? 40, 40)) });
}

function objectOf(document: OpenApi, schema: Schema): fc.Arbitrary<unknown> {
  const properties = Object.entries(schema.properties ?? {}).flatMap(
    ([name, property]): [string, fc.Arbitrary<unknown>][] =>
      typeof property === "boolean" ? [] : [[name, valueOf(document, property)]],
  );
  const named = fc.record(Object.fromEntries(properties), { requiredKeys: schema.required ?? [] });
  const rest = schema.additionalProperties;
  if (rest === undefined || rest === false || properties.length > 0) return named;
  const value = rest === true || Object.keys(rest).length === 0 ? fc.jsonValue() : valueOf(document, rest);
  return fc.dictionary(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), value, { maxKeys: 4 });
}
