import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CommandLine } from "../../testing/command-line.ts";
import { MemoryServer } from "../../testing/memory-server.ts";
import { findFiles } from "./find-files.ts";

const folder = mkdtempSync(join(tmpdir(), "runcast-artifacts-"));
const at = (path: string) => join(folder, path);
let commandLine: CommandLine;
let server: MemoryServer;
beforeAll(async () => {
  for (const path of ["a/x", "b/deep", ".hidden"]) mkdirSync(at(path), { recursive: true });
  for (const path of ["report.html", "a/1.log", "a/2.log", "a/x/1.log", "b/deep/c.txt", "odd [name]{1}.txt"]) {
    writeFileSync(at(path), `in ${path}`);
  }
  symlinkSync(folder, at("b/loop"));
  commandLine = await CommandLine.build();
});
afterAll(() => {
  commandLine.remove();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  server = await MemoryServer.start();
});
afterEach(() => server.down());

describe("files", () => {
  const found = (...patterns: string[]) =>
    findFiles(patterns.map(at)).files.map(({ path }) => path.slice(folder.length + 1));
  test.each([
    [["report.html"], ["report.html"]],
    [["a/*.log"], ["a/1.log", "a/2.log"]],
    [["**/1.log"], ["a/1.log", "a/x/1.log"]],
    [["a/?.log"], ["a/1.log", "a/2.log"]],
    [["{a,b}/**/*.{log,txt}"], ["a/1.log", "a/2.log", "a/x/1.log", "b/deep/c.txt"]],
    [["b"], ["b/deep/c.txt"]],
    [["a/"], ["a/1.log", "a/2.log", "a/x/1.log"]],
    [["odd [name]{1}.txt"], ["odd [name]{1}.txt"]],
    [
      ["a/1.log", "a/*.log"],
      ["a/1.log", "a/2.log"],
    ],
    [["a/1xlog"], []],
    [["nowhere/*.log"], []],
  ])("%j", (patterns, expected) => expect(found(...patterns)).toEqual(expected));

  test("are called by their own name, and by their path where they share it; what is not there is said", () => {
    const { files, troubles } = findFiles([at("a"), at("missing")]);
    expect(files.map(({ name }) => name.replace(/^.*runcast-artifacts-[^-]*-/, ""))).toEqual([
      "a-1.log",
      "2.log",
      "a-x-1.log",
    ]);
    expect(troubles).toEqual([`there is no file ${at("missing")}`]);
  });
});

describe("--artifact", () => {
  const run = (options: string[], script: string, more: Record<string, string> = {}) =>
    commandLine.run(["run", ...options, "--", "sh", "-c", script], {
      RUNCAST_URL: server.url,
      RUNCAST_TOKEN: server.token,
      ...more,
    });

  test("uploads what the command has made, behind its lines and before its end", async () => {
    const made = at("made.json");
    const { code, stderr } = await run(
      ["--artifact", made, "--artifact", at("a/*.log")],
      `echo line; echo '{}' > "${made}"; exit 3`,
    );
    expect(code).toBe(3);
    expect(stderr).not.toContain("artifact");
    const { artifacts } = server.onlyRun;
    expect(artifacts.map(({ name, media_type, content }) => [name, media_type, content])).toEqual([
      ["made.json", "application/json", "{}\n"],
      ["1.log", "text/plain", "in a/1.log"],
      ["2.log", "text/plain", "in a/2.log"],
    ]);
    // run.queued, run.started, the line.
    expect(artifacts.every(({ atSequence, status }) => atSequence === 3 && status === "running")).toBe(true);
    expect(server.onlyRun.completion).toMatchObject({ status: "failed", exit_code: 3 });
  });

  test("a secret in a name is masked; the bytes are sent as they are", async () => {
    writeFileSync(at("s3cr3t.txt"), "s3cr3t");
    await run(["--artifact", at("s3cr3t.txt")], "true", { MY_TOKEN: "s3cr3t" });
    expect(server.onlyRun.artifacts).toMatchObject([{ name: "***.txt", content: "s3cr3t" }]);
  });

  test("what fails is tried again, then said, and fails nothing", async () => {
    // A second file by its name: it is refused for as long as one is waited for.
    server.refusalOf = (route, before) => {
      if (route.endsWith("/1.log")) return before === 0 ? { status: 503, retryAfter: "0" } : null;
      return route.endsWith("/2.log") ? { status: 429, retryAfter: "60" } : null;
    };
    const { code, stderr } = await run(
      ["--artifact", at("a/1.log"), "--artifact", at("a/2.log"), "--artifact", "nope"],
      "true",
    );
    expect(code).toBe(0);
    expect(server.onlyRun.artifacts.map(({ name }) => name)).toEqual(["1.log"]);
    expect(stderr).toContain("there is no file nope.");
    expect(stderr).toContain(`the artifact ${at("a/2.log")} is not uploaded: `);
    expect(server.uploads).toBe(1);
    expect(server.onlyRun.status).toBe("succeeded");
  });

  test("without a server it is said how many are not uploaded", async () => {
    await server.down();
    const { code, stderr } = await run(["--artifact", at("a/1.log")], "exit 4");
    expect(code).toBe(4);
    expect(stderr).toContain("1 artifact is not uploaded.");
  });
});
