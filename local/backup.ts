// `npm run backup -- <folder>`: a copy of the state folder that a server can be started on, made beside a running one.
import { execFileSync, spawn } from "node:child_process";
import {
  constants,
  copyFileSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openStateFolder, type StateFolder } from "./state-folder.ts";

/** What tells of a running server, which the copy is not, and what SQLite makes anew. */
const LEFT_OUT = /(^lock\.sqlite.*|^serving\.json|^workerd\.pid|-shm)$/;

/**
 * Copies twice: first everything while the server goes on, then, with the server held still, only what has changed since. What is copied in that moment is what
 * a kill -9 would leave, and a server starts on that without losing anything it has acknowledged. Nobody is disconnected; they wait for that moment.
 */
export async function backUp(folder: StateFolder, target: string): Promise<{ files: number; heldMs: number }> {
  const inside = relative(folder.path, resolve(target));
  if (!inside.startsWith("..")) throw new Error("A backup inside of what it is a backup of would contain itself.");
  mkdirSync(target, { recursive: true, mode: 0o700 });
  copyChanged(folder.path, target);
  const pid = readWorkerdPid(folder);
  const heldAt = performance.now();
  const letGo = pid === null ? () => {} : await holdStill(pid);
  try {
    copyChanged(folder.path, target);
  } finally {
    letGo();
  }
  return { files: removeGone(folder.path, target), heldMs: pid === null ? 0 : Math.round(performance.now() - heldAt) };
}

const listFiles = (folder: string): string[] =>
  globSync("**/*", { cwd: folder }).filter(
    (path) =>
      !LEFT_OUT.test(basename(path)) && lstatSync(join(folder, path), { throwIfNoEntry: false })?.isFile() === true,
  );

function copyChanged(from: string, to: string): void {
  for (const path of listFiles(from)) {
    const source = join(from, path);
    const target = join(to, path);
    // Gone since it was listed: the next pass looks again.
    const now = lstatSync(source, { throwIfNoEntry: false });
    const before = lstatSync(target, { throwIfNoEntry: false });
    // A database may be written to in place within one tick of the clock: it is copied every time.
    const isSame = before?.size === now?.size && before?.mtimeMs === now?.mtimeMs && !/\.sqlite(-wal)?$/.test(path);
    if (now === undefined || isSame) continue;
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    try {
      copyFileSync(source, target, constants.COPYFILE_FICLONE);
    } catch (error) {
      if (existsSync(source)) throw error;
      continue;
    }
    utimesSync(target, now.atime, now.mtime);
  }
}

/** What a former copy holds and the folder does not any more: a deleted run must not come back. Answers with how many files there are. */
function removeGone(from: string, to: string): number {
  const files = listFiles(to);
  const gone = files.filter((path) => !existsSync(join(from, path)));
  for (const path of gone) rmSync(join(to, path));
  return files.length - gone.length;
}

/** The runtime of the server that has this folder open, or null when none has. */
function readWorkerdPid(folder: StateFolder): number | null {
  if (!existsSync(folder.serving) || !existsSync(folder.workerdPid)) return null;
  const pid = Number(readFileSync(folder.workerdPid, "utf8"));
  if (!Number.isSafeInteger(pid) || pid <= 0) throw new Error(`${folder.workerdPid} holds no process id.`);
  if (process.platform === "win32") throw new Error("Stop the server first: on Windows it cannot be held still.");
  const command = execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" });
  // Process ids are used again after a kill.
  if (!command.includes("workerd")) throw new Error(`Process ${pid} is no runtime; is the server of this folder gone?`);
  return pid;
}

/** Stops the process until the answer is called, or until this process is gone, however that happens. */
async function holdStill(pid: number): Promise<() => void> {
  const guard = `while kill -0 ${process.pid} 2>/dev/null; do sleep 0.2; done; kill -CONT ${pid}`;
  const guarding = spawn("sh", ["-c", guard], { detached: true, stdio: "ignore" });
  guarding.unref();
  process.kill(pid, "SIGSTOP");
  const letGo = () => {
    process.kill(pid, "SIGCONT");
    guarding.kill();
  };
  // The signal is on its way when `kill` returns; a thread may still be within a write.
  for (const deadline = Date.now() + 5_000; !isStopped(pid); await sleep(5)) {
    if (Date.now() < deadline) continue;
    letGo();
    throw new Error(`Process ${pid} cannot be held still.`);
  }
  return letGo;
}

function isStopped(pid: number): boolean {
  const states = execFileSync(
    "ps",
    process.platform === "linux" ? ["-L", "-o", "state=", "-p", String(pid)] : ["-o", "state=", "-p", String(pid)],
    {
      encoding: "utf8",
    },
  );
  return states
    .trim()
    .split(/\s+/)
    .every((state) => state.startsWith("T"));
}

if (import.meta.main) {
  const [target] = process.argv.slice(2);
  if (target === undefined) throw new Error("Where to? npm run backup -- <folder>");
  const { files, heldMs } = await backUp(openStateFolder(), target);
  console.log(`${files} files in ${resolve(target)}; the server was held still for ${heldMs} ms.`);
}
