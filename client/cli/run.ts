import { execFile } from "node:child_process";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import type { Failure } from "../../protocol/event.ts";
import { cutText } from "../../protocol/ndjson.ts";
import type { RunEnding } from "../run-producer.ts";
import { CommandProcess, exitCodeOf } from "./command-process.ts";
import type { CommandEnd } from "./command-process.ts";
import { say, writeOut } from "./output.ts";
import { OutputLines } from "./output-lines.ts";
import { END_AFTER_SECONDS, LEASE_SECONDS, Recorder } from "./recorder.ts";
import type { FoundServer } from "./server.ts";

export type RunArguments = {
  command: readonly [string, ...string[]];
  name: string | undefined;
  workspaceId: string;
  labels: Record<string, string>;
};

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** The watch URL should stand above the output; a server that is slow to answer is not worth more of a wait. */
const URL_WAIT_MS = 500;
const STREAMS = ["stdout", "stderr"] as const;

/** Runs a command as a run that can be watched, and gives its exit code: with a server or without one. */
export async function runCommand(args: RunArguments, found: FoundServer): Promise<number> {
  if (found.kind === "unknown") say(`${found.reason} The command runs unwatched.`);
  let cancelled = false;
  let child: CommandProcess | null = null;
  const recorder =
    found.kind === "unknown"
      ? null
      : new Recorder({
          server: found.server,
          workspaceId: args.workspaceId,
          run: {
            name: cutText(args.name ?? args.command.join(" "), 200),
            labels: args.labels,
            lease_seconds: LEASE_SECONDS,
            end_after_seconds: END_AFTER_SECONDS,
          },
          onCancel: () => {
            cancelled = true;
            child?.terminate();
          },
        });
  const [git] = await Promise.all([
    recorder === null ? undefined : readGit(),
    recorder === null ? undefined : Promise.race([recorder.firstTry, sleep(URL_WAIT_MS, null, { ref: false })]),
  ]);

  const lines = { stdout: new OutputLines(), stderr: new OutputLines() };
  child = new CommandProcess({
    command: args.command,
    environment: process.env,
    onOutput: (stream, bytes) => {
      // Shown as it is, before anything is made of it.
      const shown = writeOut(process[stream], bytes);
      let held: Promise<void> | undefined;
      if (recorder !== null) {
        for (const line of lines[stream].push(bytes)) held = recorder.writeConsole(stream, line);
      }
      return shown === undefined ? held : held === undefined ? shown : Promise.all([shown, held]).then(() => {});
    },
    onLingering: () => say("a process left behind keeps the output open; the run ends without it."),
  });
  const command = child;
  void recorder?.write({
    type: "run.started",
    payload: {
      command: [...args.command],
      host: hostname(),
      ...(child.pid === undefined ? {} : { pid: child.pid }),
      ...git,
    },
  });
  for (const stream of STREAMS) {
    process[stream].on("error", (error: NodeJS.ErrnoException) => {
      // Who read our output has gone: the command is to learn of it as if it wrote there itself.
      if (error.code === "EPIPE") command.closeOutput(stream);
      else throw error;
    });
  }
  const forward = (signal: NodeJS.Signals) => command.signal(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  if (cancelled) command.terminate();

  const end = await command.done;
  if (end.kind === "not_started") say(end.message);
  for (const stream of STREAMS) {
    for (const line of lines[stream].end()) void recorder?.writeConsole(stream, line);
  }
  const exitCode = exitCodeOf(end);
  for (const signal of FORWARDED) {
    process.off(signal, forward);
    process.on(signal, () => recorder?.hurry());
  }
  await recorder?.finish(endingOf(end, nameOf(args.command), cancelled));
  return exitCode;
}

function endingOf(end: CommandEnd, command: string, cancelled: boolean): RunEnding {
  const exit_code = exitCodeOf(end);
  if (cancelled) return { status: "cancelled", exit_code };
  if (end.kind === "exited" && end.code === 0) return { status: "succeeded", exit_code };
  return { status: "failed", exit_code, failure: failureOf(end, command) };
}

function failureOf(end: CommandEnd, command: string): Failure {
  switch (end.kind) {
    case "not_started":
      return { code: end.code === 127 ? "COMMAND_NOT_FOUND" : "COMMAND_NOT_RUNNABLE", message: end.message };
    case "signalled":
      return {
        code: "SIGNAL",
        message: `${command} was ended by ${end.signal}${memoryHint(end.signal === "SIGKILL")}`,
      };
    case "exited":
      return {
        code: "EXIT_CODE",
        message: `${command} ended with exit code ${end.code}${memoryHint(end.code === 137)}`,
      };
  }
}

/** The program alone: the whole command stands in `run.started`, and would bury how it ended. */
const nameOf = (command: readonly string[]): string => cutText(basename(command[0] ?? "the command"), 100);

const memoryHint = (killed: boolean): string => (killed ? ": killed, as by a system that has run out of memory" : "");

/** Commit and branch, when the command runs in a repository. */
async function readGit(): Promise<{ git?: { commit: string; branch: string } }> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD", "--abbrev-ref", "HEAD"], {
      timeout: 1_000,
    });
    const [commit, branch] = stdout.trim().split("\n");
    return commit === undefined || branch === undefined ? {} : { git: { commit, branch } };
  } catch {
    // No repository, no commit yet, or no git: the run simply says nothing about it.
    return {};
  }
}
