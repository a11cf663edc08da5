import { PYTHON_HOST } from "./python-host.ts";
import type { PtyHost } from "./find-pty.ts";
import type { TerminalSize } from "./terminal-size.ts";

/** What is to be started so that the command runs on a terminal of this size. */
export function ptyCommand(
  host: PtyHost,
  command: readonly [string, ...string[]],
  { rows, columns }: TerminalSize,
  environment: NodeJS.ProcessEnv,
  isByHand: boolean,
): { program: string; args: string[]; environment: NodeJS.ProcessEnv } {
  const terminal: NodeJS.ProcessEnv = { ...environment, TERM: environment["TERM"] ?? "xterm-256color" };
  if (host.kind === "python") {
    const args = ["-c", PYTHON_HOST, String(rows), String(columns), ...command];
    return { program: host.path, args, environment: terminal };
  }
  // `script` hands its command to $SHELL, which may be any; the command itself is to see its own.
  const shell = terminal["SHELL"];
  const restored = shell === undefined ? "unset SHELL" : `SHELL=${quote(shell)}`;
  const line = `stty rows ${rows} columns ${columns} 2>/dev/null; ${restored}; exec ${command.map(quote).join(" ")}`;
  // What is piped in was typed by nobody, and is not shown twice.
  const silence = host.canSilence && !isByHand ? ["--echo", "never"] : [];
  const args = [...silence, "--quiet", "--return", "--flush", "--command", line, "/dev/null"];
  return { program: host.path, args, environment: { ...terminal, SHELL: "/bin/sh" } };
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
