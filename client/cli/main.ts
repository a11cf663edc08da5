import { readArguments } from "./arguments.ts";
import { COMMAND_HELP, HELP } from "./help.ts";
import { listRuns } from "./list.ts";
import { say } from "./output.ts";
import { pipeInput } from "./pipe.ts";
import { runCommand } from "./run.ts";
import { findServer } from "./server.ts";
import { tailRun } from "./tail.ts";

const USAGE_ERROR = 2;

async function main(words: readonly string[]): Promise<number> {
  const invocation = readArguments(words);
  switch (invocation.kind) {
    case "help":
      process.stdout.write(invocation.of === null ? HELP : COMMAND_HELP[invocation.of]);
      return 0;
    case "wrong":
      say(`${invocation.reason}\nSee: runcast ${invocation.of ?? ""} --help`.replace("  ", " "));
      return USAGE_ERROR;
    case "run":
      return runCommand(invocation.args, findServer(process.env));
    case "pipe":
      return pipeInput(invocation.args, findServer(process.env));
    case "tail":
      return tailRun(invocation.args, findServer(process.env));
    case "list":
      return listRuns(invocation.args, findServer(process.env));
  }
}

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
