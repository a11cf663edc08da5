import { createReadStream, existsSync } from "node:fs";
import type { Proof } from "../../protocol/api.ts";
import { RuncastApi } from "../api.ts";
import type { CommandContext } from "./context.ts";
import { explain } from "./explain.ts";
import { runIdOf } from "./run-id.ts";
import { paintFor } from "./terminal.ts";
import { verifyLog } from "./verify-log.ts";

export type VerifyArguments = { what: string; json: boolean };

/** Tells whether a log is whole. 0: it is; 1: it is not, or it cannot be read. */
export async function verify({ what, json }: VerifyArguments, context: CommandContext): Promise<number> {
  const { voice } = context;
  const read = await (what === "-" || existsSync(what) ? readFile(what) : askServer(what, context));
  if (read.kind === "trouble") {
    voice.say(read.reason);
    return 1;
  }
  const { proof } = read;
  if (json) process.stdout.write(`${JSON.stringify(proof)}\n`);
  else {
    for (const line of describe(proof)) voice.say(line);
    process.stdout.write(`${proof.sha256}\n`);
  }
  return proof.complete ? 0 : 1;
}

type Read = { kind: "read"; proof: Proof } | { kind: "trouble"; reason: string };

async function readFile(path: string): Promise<Read> {
  try {
    return { kind: "read", proof: await verifyLog(path === "-" ? process.stdin : createReadStream(path)) };
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    return { kind: "trouble", reason: `${path} cannot be read: ${cause.message}` };
  }
}

async function askServer(what: string, { found }: CommandContext): Promise<Read> {
  const runId = runIdOf(what);
  // What is not called like a run was meant to be a file.
  if (!/^[0-9a-f-]{36}$/.test(runId)) return { kind: "trouble", reason: `there is no file ${what}.` };
  if (found.kind === "unknown") return { kind: "trouble", reason: found.reason };
  const { url, token } = found.server;
  const answer = await new RuncastApi({ url, ...(token === undefined ? {} : { token }) }).verifyRun(runId);
  if (answer.kind === "ok") return { kind: "read", proof: answer.value };
  return { kind: "trouble", reason: explain(answer.problem, found.server, { runId }) };
}

function describe({ complete, events, gaps, damaged }: Proof): string[] {
  const paint = paintFor(process.stderr, process.env);
  const count = events === 1 ? "1 event" : `${events} events`;
  return [
    complete ? `${paint.green("whole")}: ${count}, each once, in order` : `${paint.red("not whole")}: ${count}`,
    ...gaps.map((range) => `missing: ${describeRange(range)}`),
    ...damaged.map((range) => `damaged: ${describeRange(range)}`),
  ];
}

const describeRange = ({ first, last }: { first: number; last: number }): string =>
  first === last ? `event ${first}` : `events ${first} to ${last}`;
