import { spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type OutputPipe = { readable: Socket; writeEnd: number };

/**
 * Real pipes for a command's outputs. Node's own are sockets, and a command sees the difference: `echo > /dev/stderr` fails, and a reader
 * that goes away is a reset connection instead of SIGPIPE. Null where they cannot be made; then Node's have to do.
 */
export function openOutputPipes(count: number): OutputPipe[] | null {
  const folder = mkdtempSync(join(tmpdir(), "runcast-"));
  try {
    const paths = Array.from({ length: count }, (_, index) => join(folder, String(index)));
    if (spawnSync("mkfifo", ["-m", "600", ...paths]).status !== 0) return null;
    return paths.map((path) => {
      // The end that reads first, without waiting, so that the other has nothing to wait for.
      const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const writeEnd = openSync(path, constants.O_WRONLY);
      return { readable: new Socket({ fd: readEnd, readable: true, writable: false }), writeEnd };
    });
  } finally {
    // Both ends are open; nobody else needs the name.
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Once the command has them, ours must not keep the pipes open. */
export function closeWriteEnds(pipes: readonly OutputPipe[]): void {
  for (const { writeEnd } of pipes) closeSync(writeEnd);
}
