import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { Duplex } from "node:stream";
import type { Readable } from "node:stream";
import { findProgram } from "./find-program.ts";
import { closeWriteEnds, openOutputPipes } from "./output-pipe.ts";
import type { PtyHost } from "./pty/find-pty.ts";
import { ptyCommand } from "./pty/pty-command.ts";
import type { TerminalSize } from "./pty/terminal-size.ts";
import { isSet } from "./terminal.ts";

export type CommandEnd =
  | { kind: "exited"; code: number }
  | { kind: "signalled"; signal: NodeJS.Signals }
  /** As a shell says it: 127 not found, 126 found and not to be run. */
  | { kind: "not_started"; code: 126 | 127; message: string };

const KILL_AFTER_MS = 10_000;
/** A process that the command left behind may hold its output open for ever. */
const LINGER_MS = 2_000;

type Stream = "stdout" | "stderr";
type Output = { stream: Stream; readable: Readable };
export type CommandOptions = {
  command: readonly [string, ...string[]];
  environment: NodeJS.ProcessEnv;
  /** A terminal of its own, both outputs in one; else two pipes. */
  pty: { host: PtyHost; size: TerminalSize } | null;
  /** Bytes of one output, in the order in which they were read. The output waits while a returned promise is pending. */
  onOutput: (stream: Stream, bytes: Buffer) => Promise<void> | undefined;
  onLingering: () => void;
};

/** The command, in a process group of its own, so that a signal reaches everything it started. */
export class CommandProcess {
  /** Settles when the command has ended and all its output was handed on. */
  readonly done: Promise<CommandEnd>;
  readonly #child: ChildProcess;
  readonly #outputs: readonly Output[];
  /** To what holds the terminal, if it listens. */
  readonly #control: Duplex | null;
  /** Whom signals are for. */
  #group: number | undefined;
  #lastOutputAt = 0;
  #killTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CommandOptions) {
    const { child, outputs, control } = start(options);
    this.#child = child;
    this.#outputs = outputs;
    this.#control = control;
    this.#group = child.pid;
    // On a terminal the command has a session of its own.
    control?.once("data", (bytes: Buffer) => (this.#group = Number(bytes.toString())));
    // What holds the terminal has ended; how is told by its exit.
    control?.on("error", () => control.destroy());
    this.done = this.#run(options);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#group === undefined) return;
    try {
      process.kill(-this.#group, signal);
    } catch (cause) {
      // Nobody is left in the group: what the signal was for has happened.
      if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause;
    }
  }

  /** Asks the whole group to end, and ends it when it does not. */
  terminate(): void {
    this.signal("SIGTERM");
    this.#killTimer ??= setTimeout(() => this.signal("SIGKILL"), KILL_AFTER_MS);
  }

  /** As when a reader of a pipe goes away: the command learns of it with its next line. */
  closeOutput(stream: Stream): void {
    this.#outputs.find((output) => output.stream === stream)?.readable.destroy();
  }

  resize({ rows, columns }: TerminalSize): void {
    if (this.#control?.writable === true) this.#control.write(`${rows} ${columns}\n`);
  }

  async #run(options: CommandOptions): Promise<CommandEnd> {
    const ended = new Promise<CommandEnd>((resolve) => {
      this.#child.on("error", (error: NodeJS.ErrnoException) => {
        if (this.#child.pid === undefined) resolve(notStarted(options.command[0], error));
      });
      this.#child.on("exit", (code, signal) => {
        resolve(signal === null ? { kind: "exited", code: code ?? 0 } : { kind: "signalled", signal });
      });
    });
    const read = Promise.all(this.#outputs.map((output) => this.#read(output, options)));
    const end = await ended;
    if (end.kind !== "not_started") await this.#awaitOutput(read, options);
    clearTimeout(this.#killTimer);
    return end;
  }

  async #read({ stream, readable }: Output, { onOutput }: CommandOptions): Promise<void> {
    readable.on("data", (bytes: Buffer) => {
      this.#lastOutputAt = Date.now();
      const pending = onOutput(stream, bytes);
      if (pending === undefined) return;
      readable.pause();
      void pending.then(() => readable.resume());
    });
    await new Promise<void>((resolve) => {
      readable.on("close", resolve);
    });
  }

  /** All of it, unless only a process left behind could still write: a shell would not wait for that one either. */
  async #awaitOutput(read: Promise<unknown>, { onLingering }: CommandOptions): Promise<void> {
    let timer: ReturnType<typeof setInterval> | undefined;
    const exitedAt = Date.now();
    const quiet = new Promise<"quiet">((resolve) => {
      timer = setInterval(() => {
        const isPaused = this.#outputs.some(({ readable }) => readable.isPaused());
        if (!isPaused && Date.now() - Math.max(exitedAt, this.#lastOutputAt) >= LINGER_MS) resolve("quiet");
      }, 100);
    });
    const first = await Promise.race([read, quiet]);
    clearInterval(timer);
    if (first !== "quiet") return;
    onLingering();
    for (const { readable } of this.#outputs) readable.destroy();
  }
}

type Started = { child: ChildProcess; outputs: Output[]; control: Duplex | null };

function start({ command, environment, pty }: CommandOptions): Started {
  const [name, ...args] = command;
  // What cannot be started fails as it would without a terminal.
  if (pty === null || findProgram(name, environment).kind !== "found") {
    return { ...startOnPipes(name, args, colourful(environment)), control: null };
  }
  const host = ptyCommand(pty.host, command, pty.size, environment, process.stdin.isTTY);
  const child = spawn(host.program, host.args, {
    stdio: ["inherit", "pipe", "inherit", pty.host.kind === "python" ? "pipe" : "ignore"],
    detached: true,
    env: host.environment,
  });
  const control = child.stdio[3];
  const outputs: Output[] = child.stdout === null ? [] : [{ stream: "stdout", readable: child.stdout }];
  return { child, outputs, control: control instanceof Duplex ? control : null };
}

function startOnPipes(name: string, args: string[], env: NodeJS.ProcessEnv): Omit<Started, "control"> {
  const pipes = openOutputPipes(2);
  const [stdout, stderr] = pipes ?? [];
  if (stdout === undefined || stderr === undefined) {
    const child = spawn(name, args, { stdio: ["inherit", "pipe", "pipe"], detached: true, env });
    return { child, outputs: outputsOf(child.stdout, child.stderr) };
  }
  const child = spawn(name, args, { stdio: ["inherit", stdout.writeEnd, stderr.writeEnd], detached: true, env });
  closeWriteEnds([stdout, stderr]);
  return { child, outputs: outputsOf(stdout.readable, stderr.readable) };
}

const outputsOf = (stdout: Readable, stderr: Readable): Output[] => [
  { stream: "stdout", readable: stdout },
  { stream: "stderr", readable: stderr },
];

/** The exit code as a shell would report it. */
export function exitCodeOf(end: CommandEnd): number {
  return end.kind === "signalled" ? 128 + constants.signals[end.signal] : end.code;
}

/** A pipe makes most programs drop their colours and hold their lines back; the run is watched by people. */
function colourful(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const colours = isSet(environment["NO_COLOR"]) ? {} : { FORCE_COLOR: environment["FORCE_COLOR"] ?? "1" };
  return { ...environment, ...colours, PYTHONUNBUFFERED: environment["PYTHONUNBUFFERED"] ?? "1" };
}

function notStarted(program: string, error: NodeJS.ErrnoException): CommandEnd {
  if (error.code === "ENOENT") return { kind: "not_started", code: 127, message: `${program}: command not found` };
  if (error.code === "EACCES") return { kind: "not_started", code: 126, message: `${program}: permission denied` };
  return { kind: "not_started", code: 126, message: `${program}: ${error.message}` };
}
