import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { ROOT, type ServerProcess } from "./server-process.ts";

export type CommandLine = {
  child: ChildProcessByStdio<null, Readable, Readable>;
  /** The run's id, from the address it prints. */
  runId: Promise<string>;
  exited: Promise<number | null>;
  output(): { stdout: string; stderr: string };
};

/** `npx runcast …` as a newcomer types it, told where the server is by what `npm start` wrote down. */
export function runcast(server: ServerProcess, args: string[]): CommandLine {
  const child = spawn(process.execPath, [join(ROOT, "client/bin/runcast.mjs"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      XDG_CONFIG_HOME: server.home,
      XDG_STATE_HOME: server.home,
      RUNCAST_URL: "",
      RUNCAST_TOKEN: "",
      FORCE_COLOR: "",
    },
  });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (data: Buffer) => (text.stdout += data.toString()));
  const runId = new Promise<string>((resolve, reject) => {
    child.stderr.on("data", (data: Buffer) => {
      text.stderr += data.toString();
      const id = /\/runs\/([0-9a-f-]{36})/.exec(text.stderr)?.[1];
      if (id !== undefined) resolve(id);
    });
    child.once("exit", () => reject(new Error(`it ended without an address: ${text.stderr}`)));
  });
  runId.catch(() => undefined);
  const exited = once(child, "exit").then(([code]): number | null => code);
  return { child, runId, exited, output: () => ({ ...text }) };
}
