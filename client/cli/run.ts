import { constants, hostname } from "node:os";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Failure } from "../../protocol/event.ts";
import { cutText } from "../../protocol/ndjson.ts";
import type { RunEnding } from "../run-producer.ts";
import { CommandProcess, exitCodeOf } from "./command-process.ts";
import type { CommandEnd } from "./command-process.ts";
import type { CommandContext } from "./context.ts";
import { readGit } from "./git.ts";
import { findPtyHost } from "./pty/find-pty.ts";
import { terminalSize } from "./pty/terminal-size.ts";
import { Recording } from "./recording.ts";
import type { RecordingArguments } from "./recording.ts";
import { writeOut } from "./terminal.ts";
import type { Voice } from "./voice.ts";

export type RunArguments = RecordingArguments & { command: readonly [string, ...string[]]; pty: boolean };

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** The watch URL should stand above the output; a server that is slow to answer is not worth more of a wait. */
const URL_WAIT_MS = 500;
const STREAMS = ["stdout", "stderr"] as const;
/** Of a longer command the run shows the beginning. */
const SHOWN_ARGUMENTS = 200;
const SHOWN_ARGUMENT_CHARS = 200;

/** Runs a command as a run that can be watched, and gives its exit code: with a server or without one. */
export async function runCommand(args: RunArguments, { found, voice }: CommandContext): Promise<number> {
  if (found.kind === "unknown") voice.say(`${found.reason} The command runs unwatched.`);
  let cancelled = false;
  let child: CommandProcess | null = null;
  let stoppedBy: NodeJS.Signals | null = null;
  const forward = (signal: NodeJS.Signals) => {
    if (child === null) stoppedBy ??= signal;
    else child.signal(signal);
  };
  // From the first moment on: a run that has been made is to be ended, too.
  for (const signal of FORWARDED) process.on(signal, forward);
  const recording =
    found.kind === "unknown"
      ? null
      : new Recording({
          kind: "run",
          args: { ...args, name: args.name ?? args.command.join(" ") },
          server: found.server,
          voice,
          environment: process.env,
          streams: STREAMS,
          onCancel: () => {
            cancelled = true;
            child?.terminate();
          },
        });
  // Before anything is cut: half a secret is not found.
  const masked = args.command.map((word) => recording?.mask(word) ?? word);
  const [git] = await Promise.all([
    recording === null ? undefined : readGit(),
    recording === null ? undefined : Promise.race([recording.firstTry, sleep(URL_WAIT_MS, null, { ref: false })]),
  ]);

  if (stoppedBy !== null) {
    const exitCode = 128 + constants.signals[stoppedBy];
    const failure = { code: "SIGNAL", message: `ended by ${String(stoppedBy)} before the command was started` };
    hurryAt(forward, recording);
    await recording?.finish(() => ({ status: "failed", exit_code: exitCode, failure }));
    return exitCode;
  }

  child = new CommandProcess({
    command: args.command,
    environment: process.env,
    pty: args.pty ? findPty(voice) : null,
    onOutput: (stream, bytes) => {
      // Kept before it is shown: a line that somebody saw is not lost with this process. [SPL1]
      const held = recording?.push(stream, bytes);
      const shown = writeOut(process[stream], bytes);
      voice.noteShown(stream, bytes);
      return shown === undefined ? held : held === undefined ? shown : Promise.all([shown, held]).then(() => {});
    },
    onLingering: () => voice.say("a process left behind keeps the output open; the run ends without it."),
  });
  const command = child;
  recording?.begin({
    type: "run.started",
    payload: {
      command: masked.slice(0, SHOWN_ARGUMENTS).map((word) => cutText(word, SHOWN_ARGUMENT_CHARS)),
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
  const releaseKeys = args.pty ? handOverTerminal(command) : null;
  if (cancelled) command.terminate();

  const end = await command.done;
  releaseKeys?.();
  if (end.kind === "not_started") voice.say(end.message);
  const exitCode = exitCodeOf(end);
  hurryAt(forward, recording);
  await recording?.finish(() => endingOf(end, nameOf(masked), cancelled));
  return exitCode;
}

/** There is no command any more: a signal is for us, who wait for the last lines to be delivered. */
function hurryAt(forward: (signal: NodeJS.Signals) => void, recording: Recording | null): void {
  for (const signal of FORWARDED) {
    process.off(signal, forward);
    process.on(signal, () => recording?.hurry());
  }
}

function findPty(voice: Voice) {
  const host = findPtyHost(process.env);
  if (host !== null) return { host, size: terminalSize(process.stdout, process.env) };
  voice.say(
    "there is no way to a terminal here: --pty needs python3, or script of util-linux. The command runs without one.",
  );
  return null;
}

/** Every key is the command's, Ctrl-C too, and its terminal is as large as ours. Answers with what takes that back. */
function handOverTerminal(command: CommandProcess): () => void {
  const resize = () => command.resize(terminalSize(process.stdout, process.env));
  const isByHand = process.stdin.isTTY && process.stdout.isTTY;
  process.stdout.on("resize", resize);
  if (isByHand) process.stdin.setRawMode(true);
  return () => {
    process.stdout.off("resize", resize);
    if (isByHand) process.stdin.setRawMode(false);
  };
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
