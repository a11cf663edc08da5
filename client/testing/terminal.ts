import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { Started } from "./command-line.ts";

/**
 * Puts a program on a terminal, as a person has one: `python3 -c <this> rows columns program …`. What is typed comes on standard input, what is
 * shown goes to standard output; a line "rows columns" on file descriptor 3 makes it another size. It ends as the program ended.
 */
const HOST = String.raw`
import fcntl, os, pty, select, struct, sys, termios
def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
begin, begun = os.pipe()
pid, master = pty.fork()
if pid == 0:
    os.read(begin, 1)
    os.close(3)
    os.execvp(sys.argv[3], sys.argv[3:])
resize(master, int(sys.argv[1]), int(sys.argv[2]))
os.write(begun, b".")
sources = [0, 3, master]
while True:
    ready, _, _ = select.select(sources, [], [])
    if 3 in ready:
        news = os.read(3, 100)
        if news:
            resize(master, *map(int, news.split()))
        else:
            sources.remove(3)
    if 0 in ready:
        keys = os.read(0, 1000)
        if keys:
            os.write(master, keys)
        else:
            sources.remove(0)
    if master in ready:
        try:
            shown = os.read(master, 65536)
        except OSError:
            break
        if not shown:
            break
        os.write(1, shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

export type Terminal = {
  /** What is shown on it, and how it ends. */
  shown: Started;
  /** As keys: Ctrl-C is "\u0003". */
  type: (keys: string) => void;
  resize: (rows: number, columns: number) => void;
};

/** A terminal with one program on it. */
export function openTerminal(
  [rows, columns]: [number, number],
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
): Terminal {
  const child = spawn("python3", ["-c", HOST, String(rows), String(columns), ...command], {
    env: environment,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });
  const size = child.stdio[3];
  if (!(size instanceof Duplex)) throw new Error("there is no way to tell the size");
  return {
    shown: new Started(child),
    type: (keys) => void child.stdin.write(keys),
    resize: (newRows, newColumns) => void size.write(`${newRows} ${newColumns}\n`),
  };
}
