import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { StateFolder } from "./state-folder.ts";

/** How long a killed workerd may take to let go of its files. */
const LET_GO_MS = 5_000;

export type Lock = {
  /** Says where this server answers, so that a second start can tell. */
  announce(url: string): void;
  release(): void;
};

export type LockResult = { kind: "locked"; lock: Lock } | { kind: "in-use"; url: string | null; pid: number | null };

/**
 * Makes this process the only server of a state folder, until `release` or its death: two would be two sequencers for one run.
 * A workerd that outlived its server is ended first, so that after "locked" nobody else has the folder open.
 */
export async function lockStateFolder(folder: StateFolder): Promise<LockResult> {
  // An SQLite lock is the kernel's: it is gone when its process is, however that died, and no process id has to be believed.
  const database = new DatabaseSync(folder.lockDatabase);
  try {
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    return { kind: "in-use", ...readServing(folder) };
  }
  await endOrphanedWorkerd(folder);
  writeFileSync(folder.serving, JSON.stringify({ pid: process.pid, url: null }));
  return {
    kind: "locked",
    lock: {
      announce: (url) => writeFileSync(folder.serving, JSON.stringify({ pid: process.pid, url })),
      release: () => {
        rmSync(folder.serving, { force: true });
        rmSync(folder.workerdPid, { force: true });
        database.exec("ROLLBACK");
        database.close();
      },
    },
  };
}

function isBusy(error: unknown): boolean {
  const SQLITE_BUSY = 5;
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}

function readServing(folder: StateFolder): { url: string | null; pid: number | null } {
  const text = readIfThere(folder.serving);
  // Empty for a moment while the other one writes it: it is in use all the same.
  if (!text) return { url: null, pid: null };
  const serving: unknown = JSON.parse(text);
  const read = <T>(key: string, is: (value: unknown) => value is T): T | null => {
    const value: unknown = typeof serving === "object" && serving !== null ? Reflect.get(serving, key) : null;
    return is(value) ? value : null;
  };
  return {
    url: read("url", (value) => typeof value === "string"),
    pid: read("pid", (value) => typeof value === "number"),
  };
}

async function endOrphanedWorkerd(folder: StateFolder): Promise<void> {
  const pid = Number(readIfThere(folder.workerdPid) ?? Number.NaN);
  if (!Number.isSafeInteger(pid) || !isWorkerdOf(pid, folder)) return;
  process.kill(pid, "SIGKILL");
  for (const deadline = Date.now() + LET_GO_MS; isWorkerdOf(pid, folder); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`A workerd left by a killed server (process ${pid}) does not end.`);
  }
}

/** Process ids are used again: the process must also be a workerd, on Linux the very one that this folder's server started. */
function isWorkerdOf(pid: number, folder: StateFolder): boolean {
  if (process.platform === "linux") {
    const environment = readIfThere(`/proc/${pid}/environ`);
    return environment?.split("\0").includes(`RUNCAST_WORKERD_PID_FILE=${folder.workerdPid}`) ?? false;
  }
  try {
    return execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).includes("workerd serve");
  } catch (error) {
    // ps says with its exit status that there is no such process; anything else is a fault.
    if (error instanceof Error && "status" in error && error.status === 1) return false;
    throw error;
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // ESRCH: the process went while its entry was read. EACCES: another user's process, so not ours.
    if (error instanceof Error && "code" in error && ["ENOENT", "ESRCH", "EACCES"].includes(String(error.code)))
      return null;
    throw error;
  }
}
