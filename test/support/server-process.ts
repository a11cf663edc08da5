import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

export const ROOT = resolve(import.meta.dirname, "../..");

/** `npm start` on a machine that is busy with other tests. */
const START_MS = 90_000;

export type ServerProcess = {
  url: string;
  /** What the script says behind the address; empty for `npm start`. */
  controlUrl: string;
  token: string;
  viewToken: string;
  /** The state folder; `${home}/runcast/server.json` is what the command line reads. */
  data: string;
  home: string;
  /** Of the process that `npm start` is. */
  pid: number;
  output(): { stdout: string; stderr: string };
  /** As Ctrl-C does. Answers with the exit code. */
  stop(): Promise<number | null>;
  /** kill -9 to the server and everything it started, at once. */
  killGroup(): Promise<void>;
  /** kill -9 to the Node process alone, as the kernel does when memory runs out. */
  killParent(): Promise<void>;
  /** A new server on the same folder and port, after `stop` or a kill. */
  restart(): Promise<ServerProcess>;
};

/** Those not yet removed, so that a failed test leaves nothing running. */
const started: { pid: number; exited: Promise<unknown>; folder: string }[] = [];

/** Ends every server this file has started and deletes their folders; for `afterEach` or `afterAll`. */
export async function removeServers(): Promise<void> {
  for (const { pid, exited, folder } of started.splice(0).toReversed()) {
    killIfAlive(-pid);
    await exited;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

export type StartServerOptions = {
  data?: string;
  home?: string;
  port?: number;
  environment?: Record<string, string>;
  /** How long a start may take. */
  startMs?: number;
  /** What is run instead of `npm start`, from the repository's root unless absolute; it says `ready <url>` as that does. */
  script?: string;
};

/** The real `npm start` in a process group of its own, on a fresh state folder unless one is given, without a first run unless asked for. */
export async function startServer(options: StartServerOptions = {}): Promise<ServerProcess> {
  const folder = options.data ? join(options.data, "..") : mkdtempSync(join(tmpdir(), "runcast-server-"));
  const data = options.data ?? join(folder, "state");
  const home = options.home ?? join(folder, "config");
  mkdirSync(home, { recursive: true });
  const { child, output } = spawnStart({ ...options, data, home });
  const exited = once(child, "exit");
  const pid = child.pid ?? 0;
  started.push({ pid, exited, folder });
  const [url = "", controlUrl = ""] = await waitForReady(child, output, options.startMs ?? START_MS);
  const kill = async (target: number) => {
    killIfAlive(target);
    await exited;
    await waitUntilUnlocked(data);
  };

  return {
    url,
    controlUrl,
    token: readFileSync(join(data, "administrator-token"), "utf8").trim(),
    viewToken: readFileSync(join(data, "viewer-token"), "utf8").trim(),
    data,
    home,
    pid,
    output,
    stop: async () => {
      child.kill("SIGTERM");
      const [code] = await exited;
      return code;
    },
    killGroup: () => kill(-pid),
    killParent: () => kill(pid),
    restart: () => startServer({ ...options, data, home, port: Number(new URL(url).port) }),
  };
}

/** The same, without waiting: for starts that are expected to fail. */
export function spawnStart({
  data,
  home,
  port = 0,
  environment = {},
  script = "local/start.ts",
}: StartServerOptions & { data: string; home: string }) {
  const child = spawn(process.execPath, [resolve(ROOT, script)], {
    cwd: ROOT,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      RUNCAST_TOKEN: "",
      RUNCAST_VIEW_TOKEN: "",
      RUNCAST_DATA: data,
      XDG_CONFIG_HOME: home,
      PORT: String(port),
      RUNCAST_FIRST_RUN: "0",
      ...environment,
    },
  });
  const text = { stdout: "", stderr: "" };
  child.stderr.on("data", (data: Buffer) => (text.stderr += data.toString()));
  child.stdout.on("data", (data: Buffer) => (text.stdout += data.toString()));
  return { child, output: () => ({ ...text }) };
}

async function waitForReady(
  child: ChildProcess,
  output: () => { stdout: string; stderr: string },
  startMs: number,
): Promise<string[]> {
  if (!child.stdout) throw new Error("The server was started without a standard output.");
  const lines = createInterface(child.stdout);
  const tooLong = AbortSignal.timeout(startMs);
  tooLong.addEventListener("abort", () => lines.close());
  try {
    for await (const line of lines) if (line.startsWith("ready ")) return line.slice("ready ".length).split(" ");
  } finally {
    // Nobody reads its output any more otherwise, and a server whose log nobody reads stands still when the pipe is full.
    child.stdout.resume();
  }
  throw new Error(`The server did not get ready.\n${output().stdout}${output().stderr}`);
}

/** A killed process holds its files a moment longer than its parent believes. */
async function waitUntilUnlocked(data: string): Promise<void> {
  for (const deadline = Date.now() + 5_000; ; await sleep(20)) {
    const database = new DatabaseSync(join(data, "lock.sqlite"));
    try {
      database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE; ROLLBACK");
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    } finally {
      database.close();
    }
  }
}
