import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

/** PROTOCOL.md is held to the tests by the numbers of its rules, in both directions, as core/spec.test.ts holds SPEC.md. */
const ROOT = resolve(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(resolve(ROOT, path), "utf8");
const RULES = [...read("protocol/PROTOCOL.md").matchAll(/^- \*\*([A-Z]+\d+)\*\* /gm)].map(([, id = ""]) => id);
const OWN = [...read("core/SPEC.md").matchAll(/^\| \*\*([A-Z]+\d+)\*\* \|/gm)].map(([, id = ""]) => id);

const tests = globSync(
  "{protocol,core,storage,durable-objects,worker,client,local,deploy,web/src,test}/**/*.{test,contract}.ts",
  {
    cwd: ROOT,
    exclude: ["**/node_modules/**"],
  },
);
/** The rules that a file's tests are named by: the name of a test, and no other text, begins with its rules in brackets. */
const namedIn = (path: string): string[] =>
  [...read(path).matchAll(/["'`]((?:\[[A-Z]{2,6}\d+\] )+)\S/g)].flatMap(([, ids = ""]) =>
    [...ids.matchAll(/\w+/g)].map(([id]) => id),
  );
const named = tests.flatMap((path) => namedIn(path).map((id) => ({ path, id })));

test("every rule of PROTOCOL.md is read, and none twice", () => {
  expect(RULES.length).toBe(read("protocol/PROTOCOL.md").match(/^- \*\*/gm)?.length);
  expect(RULES.length).toBeGreaterThan(90);
  expect(RULES.filter((id, at) => RULES.indexOf(id) !== at)).toEqual([]);
});

test("every rule of PROTOCOL.md is in the name of a test that holds it", () => {
  const held = new Set(named.map(({ id }) => id));
  expect(RULES.filter((id) => !held.has(id))).toEqual([]);
});

test("every rule that a test is named by is one of PROTOCOL.md or SPEC.md", () => {
  const known = new Set([...RULES, ...OWN]);
  expect(tests.length).toBeGreaterThan(100);
  expect(named.filter(({ id }) => !known.has(id))).toEqual([]);
});
