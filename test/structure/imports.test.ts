import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { cruise, type ICruiseOptions, type ICruiseResult, type IFlattenedRuleSet } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";
import ts from "typescript";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import configuration from "../../.dependency-cruiser.js";

const ROOT = resolve(import.meta.dirname, "../..");
const FOLDERS = [
  "protocol",
  "core",
  "storage",
  "durable-objects",
  "worker",
  "migrations",
  "client",
  "web/src",
  "local",
  "test",
];

async function findViolations(baseDir: string, folders: string[]) {
  const options: ICruiseOptions = {
    ...configuration.options,
    validate: true,
    ruleSet: { forbidden: configuration.forbidden } as IFlattenedRuleSet,
    baseDir,
  };
  const tsConfig = extractTSConfig(join(ROOT, "tsconfig.node.json"));
  const { output } = await cruise(folders, options, undefined, { tsConfig });
  const result = output as ICruiseResult;
  return {
    modules: result.modules.map((module) => module.source),
    violations: result.summary.violations.map((found) => `${found.rule.name}: ${found.from} → ${found.to}`),
  };
}

function listSources(folders: string[]): string[] {
  return globSync(`{${folders.join(",")}}/**/*.{ts,svelte}`, {
    cwd: ROOT,
    exclude: ["**/node_modules/**", "**/*.d.ts"],
  });
}

describe("the direction of imports", () => {
  test("holds in this tree, and every source file was looked at", async () => {
    const { modules, violations } = await findViolations(ROOT, FOLDERS);
    expect(violations).toEqual([]);
    // With a TypeScript that it does not know, dependency-cruiser reads nothing and reports no violation.
    expect(listSources(FOLDERS).filter((path) => !modules.includes(path))).toEqual([]);
    expect(modules.length).toBeGreaterThan(20);
  });

  describe("fails on an injected violation", () => {
    let tree: string;
    beforeEach(() => {
      tree = mkdtempSync(join(tmpdir(), "runcast-imports-"));
    });
    afterEach(() => rmSync(tree, { recursive: true }));

    const write = (path: string, text: string) => {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), text);
    };

    test.each([
      ["protocol/a.ts", "core/b.ts", "protocol-imports-only-itself"],
      ["core/a.ts", "storage/b.ts", "core-imports-only-protocol"],
      ["storage/a.ts", "durable-objects/b.ts", "storage-imports-only-"],
      ["client/a.ts", "core/b.ts", "client-imports-only-protocol"],
      ["web/src/a.ts", "worker/b.ts", "web-imports-only-client-protocol"],
      ["web/src/a.svelte", "core/b.ts", "web-imports-only-client-protocol"],
      ["durable-objects/a.ts", "worker/routes/b.ts", "durable-objects-imports-only-"],
      ["worker/a.ts", "durable-objects/b.ts", "worker-imports-only-"],
      ["worker/a.ts", "local/b.ts", "worker-imports-only-"],
      ["core/a.ts", "test/fakes/b.ts", "nothing-imports-test"],
    ])("%s → %s", async (from, to, rule) => {
      const back = "../".repeat(from.split("/").length - 1);
      const line = `import { b } from "${back}${to}";\nexport const a = b;\n`;
      write(from, from.endsWith(".svelte") ? `<script lang="ts">\n${line}</script>\n` : line);
      write(to, "export const b = 1;\n");
      const { violations } = await findViolations(tree, [from, to]);
      expect(violations.join("\n")).toContain(rule);
      expect(violations.join("\n")).toContain(`${from} → ${to}`);
    });

    test("a cycle, but not one of types alone", async () => {
      write("core/a.ts", 'import { b } from "./b.ts";\nexport const a = b;\n');
      write("core/b.ts", 'import { a } from "./a.ts";\nexport const b = (): unknown => a;\n');
      expect((await findViolations(tree, ["core"])).violations.join("\n")).toContain("no-cycles");
      write("core/b.ts", 'import type { a } from "./a.ts";\nexport const b = (): typeof a | null => null;\n');
      expect((await findViolations(tree, ["core"])).violations).toEqual([]);
    });

    test("the Worker may name an object's type, and its entry re-exports the classes", async () => {
      write("durable-objects/b.ts", "export class B {}\n");
      write("worker/env.ts", 'import type { B } from "../durable-objects/b.ts";\nexport type Env = B;\n');
      write("worker/index.ts", 'export { B } from "../durable-objects/b.ts";\n');
      expect((await findViolations(tree, ["worker", "durable-objects"])).violations).toEqual([]);
    });
  });
});

describe("a file of the core", () => {
  /** Compiles one line as if it stood in `core/`. */
  function diagnose(line: string): string[] {
    const path = join(ROOT, "tsconfig.core.json");
    const parsed = ts.parseJsonConfigFileContent(
      ts.readConfigFile(path, (name) => ts.sys.readFile(name)).config,
      ts.sys,
      ROOT,
      undefined,
      path,
    );
    const injected = join(ROOT, "core/injected.ts");
    const host = ts.createCompilerHost(parsed.options);
    const readOriginal = host.getSourceFile.bind(host);
    host.getSourceFile = (name, ...rest) =>
      name === injected ? ts.createSourceFile(name, line, ts.ScriptTarget.ES2024) : readOriginal(name, ...rest);
    const program = ts.createProgram([injected, join(ROOT, "protocol/pure-globals.d.ts")], parsed.options, host);
    return ts.getPreEmitDiagnostics(program).map((found) => ts.flattenDiagnosticMessageText(found.messageText, "\n"));
  }

  test("compiles without any platform", () => {
    expect(diagnose("export const bytes: Uint8Array = new TextEncoder().encode('a');")).toEqual([]);
  });

  test.each([
    ["R2Bucket", "export type X = R2Bucket;"],
    ["DurableObjectState", "export type X = DurableObjectState;"],
    ["WebSocket", "export type X = WebSocket;"],
    ["Request", "export type X = Request;"],
    ["fetch", "export const x = fetch;"],
    ["setTimeout", "setTimeout(() => {}, 1); export {};"],
    ["process", "export const x = process.env;"],
    ["node:fs", 'export * from "node:fs";'],
  ])("does not compile when it names %s", (name, line) => {
    expect(diagnose(line).join("\n")).toContain(name);
  });
});
