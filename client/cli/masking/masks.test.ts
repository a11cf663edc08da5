import fc from "fast-check";
import { expect, test } from "vitest";
import { maskJson } from "./masked-json.ts";
import { Masks } from "./masks.ts";
import { secretsOf } from "./secret-names.ts";

test("values of variables named like secrets, line by line, but nothing that is found everywhere", () => {
  const key = "-----BEGIN KEY-----\nMIIEvQIBADAN\nab\n-----END KEY-----\n";
  expect(
    secretsOf({
      GITHUB_TOKEN: "ghp_abcdef",
      my_secret_one: "  spaced out  ",
      DB_PASSWORD: "hunter2",
      SSH_KEY: key,
      TOKENIZERS_PARALLELISM: "false",
      HOME: "/home/somebody",
      EMPTY_TOKEN: "",
      UNSET_TOKEN: undefined,
    }).toSorted(),
  ).toEqual(
    ["-----BEGIN KEY-----", "-----END KEY-----", "MIIEvQIBADAN", "ghp_abcdef", "hunter2", "spaced out"].toSorted(),
  );
});

test("overlapping and longer secrets leave nothing behind", () => {
  const masks = new Masks(["abcd", "cdef", "abcdefgh"]);
  expect(masks.text("xabcdefx")).toBe("x***x");
  expect(masks.text("xabcdefghx")).toBe("x***x");
  expect(masks.text("abcabcd")).toBe("abc***");
});

test("a secret as JSON, URLs and base64 write it", () => {
  const secret = 'pa"ss wö\\rd+';
  const masks = new Masks([secret]);
  const basic = Buffer.from(`user:${secret}`).toString("base64");
  for (const written of [JSON.stringify({ secret }), encodeURIComponent(secret), basic]) {
    expect(masks.text(written)).toContain("***");
  }
  expect(masks.text(JSON.stringify({ secret }))).toBe('{"secret":"***"}');
  // What is left is what does not depend on the secret alone: the name, and a character at each border.
  expect(masks.text(basic)).toMatch(/^.{6,8}\*\*\*.{0,3}$/);
});

test("from when it is added on; every text of a value, names too", () => {
  const masks = new Masks();
  expect(masks.value({ a: ["later"] })).toEqual({ a: ["later"] });
  masks.add("later");
  expect(masks.value({ a: ["later", 1, null, { "x later": "not later" }] })).toEqual({
    a: ["***", 1, null, { "x ***": "not ***" }],
  });
});

test("JSON keeps every digit and every letter but the secret, however it is escaped", () => {
  const masks = new Masks(["s3cr3t", "123456"]);
  expect(maskJson('{ "a" : 12.30e+400, "s\\u0033cr3t":["x s3cr\\u0033t","\\\\"], "n":-91234567 }', masks)).toBe(
    '{ "a" : 12.30e+400, "***":["x ***","\\\\"], "n":"-9***7" }',
  );
});

test("whatever the JSON, it stays JSON without the secret, and without one it stays as it is", () => {
  const text = fc
    .array(fc.constantFrom("s3c", "r3t", '"', "\\", "é", "1", "2"), { maxLength: 8 })
    .map((bits) => bits.join(""));
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.double({ noNaN: true }),
      fc.constant(null),
      fc.array(tie("any")),
      fc.dictionary(text, tie("any")),
    ),
  })).any;
  fc.assert(
    fc.property(value, fc.boolean(), (one, isSpaced) => {
      const json = isSpaced ? JSON.stringify(one, null, 2) : JSON.stringify(one);
      const masks = new Masks(["s3cr3t"]);
      expect(JSON.parse(maskJson(json, masks))).toEqual(JSON.parse(JSON.stringify(masks.value(one))));
      if (!json.includes("s3cr3t")) expect(maskJson(json, masks)).toBe(json);
    }),
    { numRuns: 1_000 },
  );
});
