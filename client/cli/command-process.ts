import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { isSet } from "./output.ts";

export type CommandEnd =
  | { kind: "exited"; code: number }
  | { kind: "signalled"; signal: NodeJS.Signals }
  /** As a shell says it: 127 not found, 126 found and not to be run. */
  | { kind: "not_started"; code: 126 | 127; message: string };

const KILL_AFTER_MS = 10_000;
/** A process that the command left behind may hold its output open for ever. */
const LINGER_MS = 2_000;

export type CommandOptions = {
  command: readonly [string, ...string[]];
  environment: NodeJS.ProcessEnv;
  /** Bytes of one output, in the order in which they were read. The output waits while a returned promise is pending. */
  onOutput: (stream: "stdout" | "stderr", bytes: Buffer) => Promise<void> | undefined;
  onLingering: () => void;
};

/** The command, in a process group of its own, so that a signal reaches everything it started. */
export class CommandProcess {
  /** Settles when the command has ended and all its output was handed on. */
  readonly done: Promise<CommandEnd>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #lastOutputAt = 0;
  #killTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CommandOptions) {
    const [program, ...args] = options.command;
    this.#child = spawn(program, args, {
      stdio: ["inherit", "pipe", "pipe"],
      detached: true,
      env: colourful(options.environment),
    });
    this.done = this.#run(program, options);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
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
  closeOutput(stream: "stdout" | "stderr"): void {
    this.#child[stream].destroy();
  }

  async #run(program: string, options: CommandOptions): Promise<CommandEnd> {
    const ended = new Promise<CommandEnd>((resolve) => {
      this.#child.on("error", (error: NodeJS.ErrnoException) => {
        if (this.#child.pid === undefined) resolve(notStarted(program, error));
      });
      this.#child.on("exit", (code, signal) => {
        resolve(signal === null ? { kind: "exited", code: code ?? 0 } : { kind: "signalled", signal });
      });
    });
    const read = Promise.all([this.#read("stdout", options), this.#read("stderr", options)]);
    const end = await ended;
    if (end.kind !== "not_started") await this.#awaitOutput(read, options);
    clearTimeout(this.#killTimer);
    return end;
  }

  async #read(stream: "stdout" | "stderr", { onOutput }: CommandOptions): Promise<void> {
    const output = this.#child[stream];
    output.on("data", (bytes: Buffer) => {
      this.#lastOutputAt = Date.now();
      const pending = onOutput(stream, bytes);
      if (pending === undefined) return;
      output.pause();
      void pending.then(() => output.resume());
    });
    await new Promise<void>((resolve) => {
      output.on("close", resolve);
    });
  }

  /** All of it, unless only a process left behind could still write: a shell would not wait for that one either. */
  async #awaitOutput(read: Promise<unknown>, { onLingering }: CommandOptions): Promise<void> {
    let timer: ReturnType<typeof setInterval> | undefined;
    const exitedAt = Date.now();
    const quiet = new Promise<"quiet">((resolve) => {
      timer = setInterval(() => {
        const paused = this.#child.stdout.isPaused() || this.#child.stderr.isPaused();
        if (!paused && Date.now() - Math.max(exitedAt, this.#lastOutputAt) >= LINGER_MS) resolve("quiet");
      }, 100);
    });
    const first = await Promise.race([read, quiet]);
    clearInterval(timer);
    if (first !== "quiet") return;
    onLingering();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }
}

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
