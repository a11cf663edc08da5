import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Asked, Told } from "./servers/serve-peer.ts";

/** A server in a process of its own, so that its processor time is not the load generator's. */
export type ServerProcess = {
  url: string;
  /** Its process group: Node, and workerd where there is one. */
  group: number;
  evict: (log: string) => Promise<void>;
  stop: () => Promise<void>;
};

/** Those that outlive their figure, by what they were started with; null: none does. */
let shared: Map<string, Promise<ServerProcess>> | null = null;

/** From now on a server is started once and kept for every figure: for a smoke test, which has no time to start them again and again. */
export function shareServers(): void {
  shared = new Map();
}

export async function stopSharedServers(): Promise<void> {
  for (const server of shared?.values() ?? []) await (await server).stop();
  shared = null;
}

/** Starts `script` of `servers/`, which is given a folder for its state and `args`. */
export async function startServerProcess(script: string, args: string[] = []): Promise<ServerProcess> {
  if (shared === null) return startProcess(script, args);
  const name = [script, ...args].join(" ");
  const server = shared.get(name) ?? startProcess(script, args);
  shared.set(name, server);
  return { ...(await server), stop: async () => {} };
}

async function startProcess(script: string, args: string[]): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), "runcast-bench-"));
  const child = fork(join(import.meta.dirname, "servers", script), [folder, ...args], {
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const removed = once(child, "exit").then(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const told = await tellOf(child);
  if (!("ready" in told)) throw new Error(`${script} did not get ready`);
  return {
    url: told.ready,
    group: child.pid ?? 0,
    evict: async (log) => {
      const asked: Asked = { evict: log };
      const done = tellOf(child);
      child.send(asked);
      await done;
    },
    stop: async () => {
      // One that has died is stopped already.
      if (child.connected) child.disconnect();
      await removed;
    },
  };
}

function tellOf(child: ChildProcess): Promise<Told> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a server ended with exit code ${code}`));
    child.once("exit", ended);
    child.once("message", (told: Told) => {
      child.off("exit", ended);
      resolve(told);
    });
  });
}
