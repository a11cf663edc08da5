import { openAsBlob } from "node:fs";
import { askPatiently } from "../../ask-patiently.ts";
import type { Artifact } from "../../../protocol/api.ts";
import { RuncastApi } from "../../api.ts";
import type { Answer } from "../../api.ts";
import { explain } from "../explain.ts";
import type { Masks } from "../masking/masks.ts";
import type { Server } from "../server.ts";
import type { Voice } from "../voice.ts";
import { findFiles } from "./find-files.ts";
import type { FoundFile } from "./find-files.ts";
import { mediaTypeOf } from "./media-type.ts";

/** For a server that does not take one file; after it, none is waited for any more. */
const PATIENCE_MS = 20_000;

export type UploadOptions = {
  patterns: readonly string[];
  server: Server;
  /** Null: there is no run to upload to. */
  runId: string | null;
  masks: Masks;
  voice: Voice;
  signal: AbortSignal;
};

/** Uploads the files one after another. What cannot be uploaded is said, and fails nothing. */
export async function uploadArtifacts({ patterns, ...options }: UploadOptions): Promise<void> {
  const { voice, runId, signal } = options;
  const { files, troubles } = findFiles(patterns);
  for (const trouble of troubles) voice.say(`${trouble}.`);
  let patienceMs = PATIENCE_MS;
  for (const [index, file] of files.entries()) {
    if (signal.aborted || runId === null) {
      const left = files.length - index;
      return voice.say(left === 1 ? "1 artifact is not uploaded." : `${left} artifacts are not uploaded.`);
    }
    const uploaded = await upload(runId, file, patienceMs, options);
    if (uploaded.kind === "there") continue;
    if (uploaded.isForNow) patienceMs = 0;
    voice.say(`the artifact ${file.path} is not uploaded: ${uploaded.reason}`);
  }
}

type Uploaded =
  | { kind: "there" }
  /** `isForNow`: the server may take it later. */
  | { kind: "not"; reason: string; isForNow: boolean };

async function upload(
  runId: string,
  { path, name }: FoundFile,
  patienceMs: number,
  { server, masks, signal }: Omit<UploadOptions, "patterns">,
): Promise<Uploaded> {
  const { url, token } = server;
  const api = new RuncastApi({ url, ...(token === undefined ? {} : { token }) });
  // Opened for each try, and read as it is sent: a file of any size takes no memory.
  const put = async (): Promise<Answer<Artifact>> =>
    api.putArtifact(runId, masks.text(name), await openAsBlob(path, { type: mediaTypeOf(path) }), signal);
  try {
    const answer = await askPatiently(put, ({ retry }) => retry, { patienceMs, signal });
    if (answer.kind === "ok") return { kind: "there" };
    const { problem } = answer;
    return { kind: "not", reason: explain(problem, server, { runId }), isForNow: problem.retry };
  } catch (cause) {
    // The file, not the server: no answer of the API is an exception.
    return { kind: "not", reason: cause instanceof Error ? cause.message : String(cause), isForNow: false };
  }
}
