import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { bundleCommandLine } from "../bin/bundle.mjs";

export type Finished = { code: number | null; stdout: string; stderr: string };

/** The bundled command line, in a folder of its own. */
export class CommandLine {
  readonly folder = mkdtempSync(join(tmpdir(), "runcast-client-"));
  readonly path = join(this.folder, "runcast.mjs");
  /** Of its spools. */
  readonly stateHome = join(this.folder, "state");

  static async build(): Promise<CommandLine> {
    const commandLine = new CommandLine();
    await bundleCommandLine(commandLine.path);
    return commandLine;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** No server is known but what `environment` names. */
  start(args: string[], environment: Record<string, string> = {}, node = process.execPath): Started {
    return this.#spawn(node, [this.path, ...args], environment);
  }

  /** A script that starts it in a way of its own. */
  bash(script: string, environment: Record<string, string>): Promise<Finished> {
    const started = this.#spawn("bash", ["-c", script], environment);
    started.process.stdin?.end();
    return started.finished;
  }

  #spawn(program: string, args: string[], environment: Record<string, string>): Started {
    const stdio = ["pipe", "pipe", "pipe"] as const;
    return new Started(spawn(program, args, { env: this.environment(environment), stdio: [...stdio] }));
  }

  /** What its process is given: of ours what does not tell of another server or another terminal. */
  environment(more: Record<string, string>): NodeJS.ProcessEnv {
    const { RUNCAST_URL: _url, RUNCAST_TOKEN: _token, FORCE_COLOR: _force, NO_COLOR: _no, ...inherited } = process.env;
    return { ...inherited, XDG_CONFIG_HOME: this.folder, XDG_STATE_HOME: this.stateHome, ...more };
  }

  run(args: string[], environment: Record<string, string> = {}, node?: string): Promise<Finished> {
    const started = this.start(args, environment, node);
    started.process.stdin?.end();
    return started.finished;
  }
}

export class Started {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout = "";
  stderr = "";

  constructor(child: ChildProcess) {
    this.process = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.finished = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Resolves when the text has come on either output. */
  async saw(text: string): Promise<void> {
    for (let tries = 0; !`${this.stdout}${this.stderr}`.includes(text); tries += 1) {
      if (tries > 1_000) throw new Error(`"${text}" did not come:\n${this.stdout}\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** The first Node on the PATH that is not the project's own; the project's where there is no other. */
export function findSystemNode(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return folders.map((folder) => join(folder, "node")).find((path) => existsSync(path)) ?? process.execPath;
}
