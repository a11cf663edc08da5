import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { COMMAND_NAMES, COMMANDS, SHELLS } from "./commands.ts";
import { completionsFor } from "./completions.ts";
import { helpOf, overview } from "./help.ts";
import { readArguments } from "./read-arguments.ts";
import { suggest } from "./suggest.ts";

test("help fits a terminal of 80 columns and names every option", () => {
  for (const text of [overview(), ...COMMAND_NAMES.map(helpOf)]) {
    // A usage line or an example is copied, so it stays whole.
    for (const line of text.split("\n").slice(1)) expect(line.length, line).toBeLessThanOrEqual(80);
  }
  for (const name of COMMAND_NAMES) {
    expect(overview()).toContain(COMMANDS[name].summary);
    for (const option of Object.keys(COMMANDS[name].options)) expect(helpOf(name)).toContain(`--${option}`);
  }
});

describe("what is not known", () => {
  test.each([
    [["lst"], 'there is no "runcast lst"; did you mean "runcast list"?'],
    [["frobnicate"], 'there is no "runcast frobnicate"'],
    [["run", "--nmae", "x", "--", "true"], '"runcast run" has no option --nmae; did you mean --name?'],
    [["list", "--all"], '"runcast list" has no option --all'],
    [["list", "--status", "suceeded"], 'there is no status "suceeded"; did you mean succeeded?'],
    [["help", "tial"], 'there is no "runcast tial"; did you mean tail?'],
    [["completions", "tcsh"], "there are completions for bash, zsh, fish"],
    [["run", "--workflow", "My Flow", "--", "true"], "--workflow wants lower-case letters"],
    [["run", "--param", "x", "--", "true"], "--param wants key=value"],
    [["run", "--param", "x:=y", "--", "true"], "wants JSON"],
    [["tail", "-f", "--no-follow", "x"], "exclude each other"],
    [["tail", "--after", "-1", "x"], "--after"],
    [["tail", "--last", "1.5", "x"], "--last wants a number"],
    [["tail", "--format", "xml", "x"], "--format wants text or ndjson"],
    [["verify"], "verify reads one"],
  ])("%j is said in words", (words, reason) => {
    const invocation = readArguments(words);
    expect(invocation).toMatchObject({ kind: "wrong", reason: expect.stringContaining(reason) });
  });

  test("nothing is suggested that is not near", () => {
    expect(suggest("xyz", ["run", "pipe"])).toBe(null);
    expect(suggest("ver", ["run", "verify"])).toBe("verify");
  });
});

test("the command begins at -- or at the first word that is no option", () => {
  expect(readArguments(["run", "--name", "n", "make", "--name", "x"])).toMatchObject({
    args: { name: "n", command: ["make", "--name", "x"] },
  });
  expect(readArguments(["run", "--pty", "--", "--odd"])).toMatchObject({ args: { pty: true, command: ["--odd"] } });
});

describe("completions", () => {
  test.each(SHELLS)("%s reads its script", (shell) => {
    const { error, status, stderr } = spawnSync(shell, ["-n"], { input: completionsFor(shell), encoding: "utf8" });
    // Not every machine has every shell; bash is on all that run this.
    if (shell !== "bash" && error !== undefined) return;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test.each([
    ["runcast ", ["run", "pipe", "tail", "list", "verify", "resume", "completions", "help"]],
    ["runcast t", ["tail"]],
    ["runcast list --sta", ["--status"]],
    ["runcast list --status f", ["failed"]],
    ["runcast completions ", [...SHELLS]],
    ["runcast run -- echo --n", []],
  ])("bash: %j", (typed, expected) => {
    const words = typed.split(" ");
    const script = `${completionsFor("bash")}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_runcast; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const answer = execFileSync("bash", ["-c", script], { encoding: "utf8" });
    expect(answer.split("\n").filter((word) => word !== "")).toEqual(expected);
  });
});
