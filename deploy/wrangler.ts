import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { ROOT } from "../local/state-folder.ts";

export type WranglerAnswer = { code: number; stdout: string; stderr: string };

/** The project's own wrangler. A test puts another program in its place, because there is no account to deploy to. */
const PROGRAM = process.env.RUNCAST_WRANGLER || join(ROOT, "node_modules/wrangler/bin/wrangler.js");

/** Runs wrangler and answers with what it said; shows it meanwhile only when asked to. */
export async function wrangler(args: string[], { show = false } = {}): Promise<WranglerAnswer> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", NO_COLOR: "1" },
  });
  if (show) {
    child.stdout.pipe(process.stdout, { end: false });
    child.stderr.pipe(process.stderr, { end: false });
  }
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

/** Ends the deployment with what wrangler said, and where we were. */
export class DeployError extends Error {
  override readonly name = "DeployError";
}

/** The answer of a command that must succeed. */
export async function mustRun(what: string, args: string[], options?: { show?: boolean }): Promise<WranglerAnswer> {
  const answer = await wrangler(args, options);
  if (answer.code !== 0) {
    const said = options?.show === true ? "" : `\n${answer.stdout}${answer.stderr}`.trimEnd();
    throw new DeployError(`${what} failed (wrangler ${args.slice(0, 3).join(" ")}).${said}`);
  }
  return answer;
}
