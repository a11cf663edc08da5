import { readdirSync, readFileSync } from "node:fs";

/** Of the processor, in seconds; the server's only where Linux tells. */
export type Usage = { wall: number; generator: number; server: number | null };

/** Clock ticks a second, as Linux tells processor time; it is the same on every machine that Node runs on. */
const TICKS = 100;

/** What the load generator (this process) and the server's processes take from now until the answer is asked for. */
export function measureUsage(group: number): () => Usage {
  const begunAt = performance.now();
  const own = process.cpuUsage();
  const before = groupSeconds(group);
  return () => {
    const { user, system } = process.cpuUsage(own);
    const after = groupSeconds(group);
    return {
      wall: (performance.now() - begunAt) / 1_000,
      generator: (user + system) / 1e6,
      server: before === null || after === null ? null : after - before,
    };
  };
}

/** The processor time of all processes of a group so far. */
export function groupSeconds(group: number): number | null {
  if (process.platform !== "linux") return null;
  return statsOfGroup(group).reduce((sum, { seconds }) => sum + seconds, 0);
}

/** workerd, or without it the group's only process. */
export function serverPid(group: number): number {
  const processes = statsOfGroup(group);
  const server = processes.find(({ command }) => command === "workerd") ?? processes[0];
  if (server === undefined) throw new Error("the server's process is not there: this is measured on Linux only");
  return server.pid;
}

type ProcessStats = { pid: number; command: string; seconds: number };

function statsOfGroup(group: number): ProcessStats[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const [, command = "", rest = ""] = /^\d+ \((.*)\) (.*)/s.exec(readStat(name)) ?? [];
      // From the state on: state, parent, group; the times are the 14th and 15th field of all.
      const fields = rest.split(" ");
      if (Number(fields[2]) !== group) return [];
      return [{ pid: Number(name), command, seconds: (Number(fields[11]) + Number(fields[12])) / TICKS }];
    });
}

/** Empty when the process has ended meanwhile. */
function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return "";
    throw error;
  }
}
