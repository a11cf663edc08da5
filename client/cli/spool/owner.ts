import { spawnSync } from "node:child_process";
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { randomId } from "../../random-id.ts";

/** A process that cannot be mistaken for a later one of the same number: not after a reboot either. */
export type ProcessIdentity = { pid: number; started: string };

const identitySchema = z.object({ pid: z.int(), started: z.string() });

/** Null when there is no such process, or one that has ended and was only not buried yet. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  if (process.platform === "linux") {
    const boot = readOrNull("/proc/sys/kernel/random/boot_id");
    const stat = readOrNull(`/proc/${pid}/stat`);
    // The second field is the program's name in parentheses, and may hold anything; the third is the state, the 22nd the start.
    const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields === undefined || fields[0] === "Z" || fields[0] === "X") return null;
    return { pid, started: `${boot?.trim() ?? ""} ${fields[19] ?? ""}` };
  }
  const { stdout, status } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
  // Without a `ps` the number alone has to do.
  if (status === null) return isRunning(pid) ? { pid, started: "" } : null;
  return status === 0 && stdout.trim() !== "" ? { pid, started: stdout.trim() } : null;
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.started === identity.started;
}

const OWNER = /^owner-(\d+)\.json$/;

/**
 * Makes this process the owner of a folder; answers with the living process that owns it when there is one. Each owner has a number, and a
 * number is taken once: of two that find a dead owner only one becomes the next. [SPL5]
 */
export function takeOver(folder: string): { kind: "taken" } | { kind: "owned"; by: ProcessIdentity } {
  const self = identifyProcess(process.pid) ?? { pid: process.pid, started: "" };
  for (;;) {
    const last = lastOwner(folder);
    if (last !== null && isAlive(last.identity)) return { kind: "owned", by: last.identity };
    const draft = join(folder, `.owner-${randomId()}`);
    writeFileSync(draft, JSON.stringify(self), { mode: 0o600 });
    try {
      // With what is in it, at once: nobody may find an owner without a name.
      linkSync(draft, join(folder, `owner-${(last?.number ?? 0) + 1}.json`));
      return { kind: "taken" };
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
    } finally {
      rmSync(draft, { force: true });
    }
  }
}

/** Who owns a folder, alive. */
export function ownerOf(folder: string): ProcessIdentity | null {
  const last = lastOwner(folder);
  return last !== null && isAlive(last.identity) ? last.identity : null;
}

function lastOwner(folder: string): { number: number; identity: ProcessIdentity } | null {
  const numbers = readdirSync(folder)
    .flatMap((name) => OWNER.exec(name)?.[1] ?? [])
    .map(Number);
  if (numbers.length === 0) return null;
  const number = Math.max(...numbers);
  const identity = identitySchema.parse(JSON.parse(readFileSync(join(folder, `owner-${number}.json`), "utf8")));
  return { number, identity };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ESRCH")) return null;
    throw cause;
  }
}
