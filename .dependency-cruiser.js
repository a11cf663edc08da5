// The arrows of the architecture, as a test (docs/architecture.md draws them):
//
//   web ──► client ──► protocol ◄── core ◄── storage ──► migrations/schema.ts
//                         ▲           ▲         ▲
//                         └─ worker ──┴─────────┤        worker/index.ts re-exports the object classes
//                            durable-objects ───┘        local, deploy, test, bench ──► everything; nothing ──► test
//
// Tests beside the code are free to import what they need (fakes, other modules): the arrows hold for what is shipped.

const TEST_FILES = "\\.(test|contract)\\.ts$";
const OURS = [
  "protocol",
  "core",
  "storage",
  "durable-objects",
  "worker",
  "migrations",
  "client",
  "web",
  "local",
  "deploy",
  "test",
  "bench",
];

/** Forbids files under `from` to import anything of ours but what lies under `mayImport`, or themselves. */
function onlyTo(from, mayImport, comment, extra = {}) {
  const allowed = [from, ...mayImport].map((path) => `^${path}${path.includes(".") ? "$" : "/"}`);
  return {
    name: `${from}-imports-only-${mayImport.map((path) => path.replace(/[^a-z]+/g, "-")).join("-") || "itself"}`,
    comment,
    severity: "error",
    from: { path: `^${from}/`, pathNot: TEST_FILES, ...extra.from },
    to: { path: `^(${OURS.join("|")})/`, pathNot: allowed, ...extra.to },
  };
}

export default {
  forbidden: [
    onlyTo("protocol", [], "Four parties agree on protocol/: it can depend on none of them."),
    onlyTo(
      "core",
      ["protocol"],
      "Decisions know no technology; storage/ implements core's ports, never the other way.",
    ),
    onlyTo("migrations", [], "The schema is read by others and reads nothing."),
    onlyTo(
      "storage",
      ["core", "protocol", "migrations/schema.ts"],
      "An adapter knows the port it implements, no more.",
    ),
    onlyTo("client", ["protocol"], "What is installed elsewhere must not drag the server along."),
    onlyTo("web", ["client", "protocol"], "The page watches through the same code as every other client."),
    onlyTo(
      "durable-objects",
      ["core", "storage", "protocol", "worker/env.ts"],
      "An object wires ports and forwards; of the Worker it knows its bindings only.",
    ),
    onlyTo(
      "worker",
      ["core", "storage", "protocol", "migrations/schema.ts"],
      "HTTP in, HTTP out: an object is reached over RPC, so only its type may be named.",
      {
        from: { path: "^worker/", pathNot: [TEST_FILES, "^worker/index\\.ts$"] },
        to: { dependencyTypesNot: ["type-only"] },
      },
    ),
    onlyTo(
      "worker",
      ["core", "storage", "protocol", "migrations/schema.ts", "durable-objects"],
      "Even by type, the Worker knows only the objects' side of the server.",
    ),
    {
      name: "nothing-imports-test",
      comment: "What is shipped must not carry fakes.",
      severity: "error",
      from: { pathNot: [TEST_FILES, "^(test|bench)/", "^vitest\\.config\\.ts$"] },
      to: { path: ["^test/", TEST_FILES] },
    },
    {
      name: "no-cycles",
      comment: "Two files that need each other are one file, or a third. Types alone may refer to each other.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "resolvable",
      comment: "An import that this check cannot follow is an arrow that it cannot see.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: ["^cloudflare:", "^\\$app/", "^\\./\\$types", "^node:"] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    // Not tsconfig.json: that one only refers to the others.
    tsConfig: { fileName: "tsconfig.node.json" },
    doNotFollow: { path: ["node_modules"] },
    exclude: { path: ["node_modules", "^dist/", "^web/(build|\\.svelte-kit)/"] },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "svelte", "node", "default"],
    },
  },
};
