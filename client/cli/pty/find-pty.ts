import { spawnSync } from "node:child_process";
import { findProgram } from "../find-program.ts";

/** Who gives the command its pseudo-terminal: Node itself cannot, and this is one file with nothing to install. */
export type PtyHost = { kind: "python"; path: string } | { kind: "script"; path: string; canSilence: boolean };

const PYTHON_MODULES = "fcntl, pty, resource, select, termios";
const PROBE_MS = 10_000;

/** Python, or the `script` of util-linux; null when neither is here. */
export function findPtyHost(environment: NodeJS.ProcessEnv): PtyHost | null {
  const python = findProgram("python3", environment);
  if (python.kind === "found") {
    const { status } = probe(python.path, ["-c", `import ${PYTHON_MODULES}`], environment);
    if (status === 0) return { kind: "python", path: python.path };
  }
  const script = findProgram("script", environment);
  if (script.kind === "found") {
    // Another system's `script` has other options, and no exit code.
    const { stdout } = probe(script.path, ["--help"], environment);
    if (stdout.includes("--return"))
      return { kind: "script", path: script.path, canSilence: stdout.includes("--echo") };
  }
  return null;
}

const probe = (path: string, args: string[], env: NodeJS.ProcessEnv) =>
  spawnSync(path, args, { env, stdio: ["ignore", "pipe", "ignore"], encoding: "utf8", timeout: PROBE_MS });
