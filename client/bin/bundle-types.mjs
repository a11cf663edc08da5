// The SDK's declarations in one file that refers to nothing else: what TypeScript emits for each module, put together, with the types that a schema gives
// written out, so that whoever uses the SDK needs no zod. Throws where that cannot be done; what it makes is compiled by a test.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OPTIONS = {
  target: ts.ScriptTarget.ES2024,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ["lib.es2024.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
  types: ["node"],
  typeRoots: [`${ROOT}node_modules/@types`],
  strict: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  erasableSyntaxOnly: true,
  declaration: true,
  emitDeclarationOnly: true,
};
const WRITTEN_OUT = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias;

/** For each product, writes what its `entries` (paths from the repository's root) export. Once for all: reading the sources is what takes long. */
export function bundleTypes(products) {
  const program = ts.createProgram(
    products.flatMap(({ entries }) => entries.map((entry) => ROOT + entry)),
    OPTIONS,
  );
  const checker = program.getTypeChecker();
  const declarations = collect(program, checker);
  for (const { entries, outfile } of products) {
    const exported = new Set(
      entries.flatMap((entry) => {
        const module = checker.getSymbolAtLocation(program.getSourceFile(ROOT + entry));
        return checker.getExportsOfModule(module).map(({ name }) => name);
      }),
    );
    const needed = reachable(declarations, exported);
    const body = [...declarations].filter(([name]) => needed.has(name)).map(([, text]) => text);
    writeFileSync(outfile, `${body.join("\n")}\nexport { ${[...exported].join(", ")} };\n`);
  }
}

/** Every top-level declaration of ours by its name, as it stands in a file of declarations. */
function collect(program, checker) {
  const declarations = new Map();
  for (const source of program.getSourceFiles()) {
    if (!source.fileName.startsWith(ROOT) || source.fileName.includes("/node_modules/")) continue;
    let emitted = "";
    program.emit(source, (_path, text) => (emitted = text), undefined, true);
    const parsed = ts.createSourceFile("emitted.d.ts", emitted, ts.ScriptTarget.ES2024, true);
    for (const statement of parsed.statements) {
      for (const [name, text] of read(statement, parsed, source, checker)) {
        if (declarations.has(name)) throw new Error(`${name} is declared twice: give one of them another name`);
        declarations.set(name, text);
      }
    }
  }
  return declarations;
}

function read(statement, parsed, source, checker) {
  // All are in one file now. An alias would leave a name behind that nobody declares.
  if (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) return [];
  const name = statement.name?.text ?? statement.declarationList?.declarations[0]?.name.text;
  if (name === undefined) return [];
  const comment = statement.getFullText(parsed).slice(0, statement.getLeadingTriviaWidth(parsed)).trim();
  const text = statement.getText(parsed).replace(/^export /, "");
  if (!/\bz\./.test(text)) return [[name, `${comment}\n${text}`.trim()]];
  // A schema is no part of the SDK; what it gives is.
  if (!ts.isTypeAliasDeclaration(statement)) return [];
  const original = source.statements.find((one) => ts.isTypeAliasDeclaration(one) && one.name.text === name);
  const type = checker.getDeclaredTypeOfSymbol(checker.getSymbolAtLocation(original.name));
  const writtenOut = checker.typeToString(type, undefined, WRITTEN_OUT);
  if (/\bz\.|import\(/.test(writtenOut)) throw new Error(`${name} cannot be written out: ${writtenOut}`);
  return [[name, `${comment}\ntype ${name} = ${writtenOut};`.trim()]];
}

/** What is exported, and what that refers to. */
function reachable(declarations, exported) {
  const needed = new Set();
  const waiting = [...exported];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    const words = (declarations.get(name) ?? "").replaceAll(/\/\*[\s\S]*?\*\//g, "").match(/[A-Za-z_$][\w$]*/g) ?? [];
    waiting.push(...words.filter((word) => declarations.has(word)));
  }
  return needed;
}
