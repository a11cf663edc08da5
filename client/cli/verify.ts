import { createReadStream, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CommandContext } from "./context.ts";
import { explain } from "./explain.ts";
import { patientApi } from "./patient-api.ts";
import { describeProof } from "./proof/describe-proof.ts";
import { readKey, type GivenKey } from "./proof/given-key.ts";
import { verifyFile, type FileProof } from "./proof/verify-file.ts";
import { runIdOf } from "./run-id.ts";
import { paintFor } from "./terminal.ts";

export type VerifyArguments = {
  what: string;
  json: boolean;
  /** As `--key` and `--manifest` give them. */
  key: string | null;
  manifest: string | null;
};

/** Tells whether a log is whole. 0: it is; 1: it is not, or it cannot be read. */
export async function verify(args: VerifyArguments, context: CommandContext): Promise<number> {
  const { voice } = context;
  const read = await proofOf(args, context);
  if (read.kind === "trouble") {
    voice.say(read.reason);
    return 1;
  }
  const { proof } = read;
  if (args.json) process.stdout.write(`${JSON.stringify(proof)}\n`);
  else {
    for (const line of describeProof(proof, paintFor(process.stderr, process.env))) voice.say(line);
    process.stdout.write(`${proof.sha256}\n`);
  }
  return proof.complete ? 0 : 1;
}

type Read = { kind: "read"; proof: FileProof } | { kind: "trouble"; reason: string };

async function proofOf(args: VerifyArguments, context: CommandContext): Promise<Read> {
  const key = args.key === null ? null : readKey(args.key);
  if (key?.kind === "trouble") return key;
  const given = key?.key ?? null;
  const isFile = args.what === "-" || existsSync(args.what);
  return isFile ? readFiles(args, given) : askServer(args.what, given, context);
}

async function readFiles({ what, manifest }: VerifyArguments, key: GivenKey | null): Promise<Read> {
  try {
    const body = what === "-" ? process.stdin : createReadStream(what);
    return { kind: "read", proof: await verifyFile(body, manifestFor(what, manifest), key?.check ?? null) };
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    return { kind: "trouble", reason: `${what} cannot be read: ${cause.message}` };
  }
}

/** The manifest that was named, or the one beside the log. */
function manifestFor(log: string, named: string | null): string | null {
  const beside = log === "-" ? null : join(dirname(log), "manifest.json");
  const path = named ?? (beside !== null && existsSync(beside) ? beside : null);
  // As bytes: a byte-order mark was not signed.
  return path === null ? null : new TextDecoder("utf-8", { ignoreBOM: true }).decode(readFileSync(path));
}

async function askServer(what: string, key: GivenKey | null, { found, voice }: CommandContext): Promise<Read> {
  const runId = runIdOf(what);
  // What is not called like a run was meant to be a file.
  if (!/^[0-9a-f-]{36}$/.test(runId)) return { kind: "trouble", reason: `there is no file ${what}.` };
  if (found.kind === "unknown") return { kind: "trouble", reason: found.reason };
  const answer = await patientApi(found.server, voice).verifyRun(runId);
  if (answer.kind !== "ok") return { kind: "trouble", reason: explain(answer.problem, found.server, { runId }) };
  const proof = answer.value;
  const isOther = key !== null && proof.signed_by !== null && proof.signed_by !== key.keyId;
  return { kind: "read", proof: isOther ? { ...proof, complete: false, manifest: "other_key" } : proof };
}
