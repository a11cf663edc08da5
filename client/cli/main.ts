import { completionsFor } from "./arguments/completions.ts";
import { helpOf, overview } from "./arguments/help.ts";
import { readArguments } from "./arguments/read-arguments.ts";
import type { CommandContext } from "./context.ts";
import { listRuns } from "./list.ts";
import { pipeInput } from "./pipe.ts";
import { resumeRuns } from "./resume.ts";
import { runCommand } from "./run.ts";
import { findServer } from "./server.ts";
import { tailRun } from "./tail.ts";
import { verify } from "./verify.ts";
import { Voice } from "./voice.ts";

const USAGE_ERROR = 2;

async function main(words: readonly string[]): Promise<number> {
  const invocation = readArguments(words);
  switch (invocation.kind) {
    case "help":
      process.stdout.write(invocation.of === null ? overview() : helpOf(invocation.of));
      return 0;
    case "wrong":
      new Voice(false).say(`${invocation.reason}\nSee: runcast ${invocation.of ?? ""} --help`.replace("  ", " "));
      return USAGE_ERROR;
    case "completions":
      process.stdout.write(completionsFor(invocation.shell));
      return 0;
    case "run":
      return runCommand(invocation.args, contextFor(invocation.args.json));
    case "pipe":
      return pipeInput(invocation.args, contextFor(invocation.args.json));
    case "tail":
      return tailRun(invocation.args, contextFor(false));
    case "list":
      return listRuns(invocation.args, contextFor(false));
    case "resume":
      return resumeRuns(invocation.args, { voice: new Voice(false) });
    case "verify":
      return verify(invocation.args, contextFor(false));
  }
}

const contextFor = (json: boolean): CommandContext => ({ found: findServer(process.env), voice: new Voice(json) });

const exitCode = await main(process.argv.slice(2));
// What is still open now (a kept connection, an unread terminal) must not keep the command's caller waiting. Written output goes first.
await Promise.all([process.stdout, process.stderr].map(written));
process.exit(exitCode);

function written(output: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (output.destroyed || output.writableLength === 0) resolve();
    else output.write("", () => resolve());
  });
}
