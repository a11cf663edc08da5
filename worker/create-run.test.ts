import { expect, test } from "vitest";
import { encodeParameters, refuseCreation } from "./create-run.ts";

const refusalOf = (parametersJson: string) =>
  refuseCreation({ body: {}, parameters: encodeParameters(`{"parameters":${parametersJson}}`) });

test.each([
  '{"a":[{"b":1e308},null,-0.5],"c":"é"}',
  '{"id":12345678901234567890,"much":1e400,"less":-1e400,"near":0.1000000000000000055,"zero":-0}',
  '{"__proto__":{"polluted":true},"constructor":1,"":{"__proto__":null}}',
])("the parameters %s are stored as they came", (json) => {
  expect(encodeParameters(`{"name":"x","parameters":${json}}`)).toBe(json);
  expect(refusalOf(json)).toBeNull();
});

test("of a name given twice the last counts, and no parameters are none", () => {
  expect(encodeParameters('{"parameters":{"a":1},"parameters":{"b":1,"b":2}}')).toBe('{"b":2}');
  expect(encodeParameters("{}")).toBe("{}");
});

test("sizes that are counted over the whole are held: bytes and keys of the parameters, labels", () => {
  expect(refusalOf(`{"a":"${"x".repeat(64 * 1024)}"}`)).toMatchObject({ code: "INVALID_BODY" });
  const keys = Array.from({ length: 100 }, (_, at) => `"k${at}":${at}`);
  expect(refusalOf(`{${keys.join()}}`)).toBeNull();
  expect(refusalOf(`{${keys.join()},"__proto__":1}`)).toMatchObject({ code: "INVALID_BODY" });
  const labels = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`l${at}`, "x"]));
  expect(refuseCreation({ body: { labels }, parameters: "{}" })).toMatchObject({ code: "INVALID_BODY" });
});
