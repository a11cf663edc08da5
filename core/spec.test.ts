import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(resolve(ROOT, path), "utf8");
const sources = globSync(
  "{protocol,core,storage,durable-objects,worker,client,local,test/{fakes,simulation}}/**/*.ts",
  {
    cwd: ROOT,
    exclude: ["**/node_modules/**", "**/*.d.ts"],
  },
);
const isTest = (path: string): boolean => /\.(test|contract)\.ts$/.test(path);
const idsIn = (text: string): string[] => [...text.matchAll(/\[([A-Z]{2,6}\d+)\]/g)].map((match) => match[1] ?? "");
/** The ids in the names of a file's tests, and not in its comments. */
const testedIn = (path: string): string[] =>
  [...read(path).matchAll(/\btest(?:\.\w+)?(?:\([^"'`]*\))?\(\s*["'`]([^\n]*)/g)].flatMap((match) =>
    idsIn(match[1] ?? ""),
  );

/** A row of SPEC.md: `| **ID** | sentence | enforced by | held by |`. */
const rules = [...read("core/SPEC.md").matchAll(/^\| \*\*([A-Z]+\d+)\*\* \| (.+) \| `(.+)` \| `(.+)` \|$/gm)].map(
  ([, id = "", sentence = "", enforcedBy = "", heldBy = ""]) => ({ id, sentence, enforcedBy, heldBy }),
);
const contract = [...read("protocol/PROTOCOL.md").matchAll(/^- \*\*([A-Z]+\d+)\*\* /gm)].map((match) => match[1] ?? "");

test("every row of SPEC.md is read, and no id means two things", () => {
  expect(rules.length).toBe(read("core/SPEC.md").match(/^\| \*\*/gm)?.length);
  expect(rules.length).toBeGreaterThan(30);
  expect(contract.length).toBeGreaterThan(30);
  const ids = [...rules.map(({ id }) => id), ...contract];
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
});

test.each(rules)(
  "$id stands where it is enforced, and in the name of a test that holds it",
  ({ id, enforcedBy, heldBy }) => {
    expect(idsIn(read(enforcedBy))).toContain(id);
    expect(isTest(heldBy)).toBe(true);
    expect(testedIn(heldBy)).toContain(id);
  },
);

test("every id that code or a test cites is a rule", () => {
  const known = new Set([...rules.map(({ id }) => id), ...contract]);
  const unknown = sources.flatMap((path) =>
    idsIn(read(path)).flatMap((id) => (known.has(id) ? [] : [`${path}: ${id}`])),
  );
  expect(unknown).toEqual([]);
});
