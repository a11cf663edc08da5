import { openAsBlob } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { RuncastApi } from "../../api.ts";
import { explain } from "../explain.ts";
import type { Masks } from "../masking/masks.ts";
import type { Server } from "../server.ts";
import type { Voice } from "../voice.ts";
import { findFiles } from "./find-files.ts";
import type { FoundFile } from "./find-files.ts";
import { mediaTypeOf } from "./media-type.ts";

const ATTEMPTS = 3;
const PAUSE_MS = 500;

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
  for (const [index, file] of files.entries()) {
    if (signal.aborted || runId === null) {
      const left = files.length - index;
      return voice.say(left === 1 ? "1 artifact is not uploaded." : `${left} artifacts are not uploaded.`);
    }
    const reason = await upload(runId, file, options);
    if (reason !== null) voice.say(`the artifact ${file.path} is not uploaded: ${reason}`);
  }
}

/** Why not, or null when it is there. */
async function upload(
  runId: string,
  { path, name }: FoundFile,
  { server, masks, signal }: Omit<UploadOptions, "patterns">,
): Promise<string | null> {
  const { url, token } = server;
  const api = new RuncastApi({ url, ...(token === undefined ? {} : { token }) });
  for (let attempt = 1; ; attempt += 1) {
    let content: Blob;
    try {
      // Read as it is sent: a file of any size takes no memory.
      content = await openAsBlob(path, { type: mediaTypeOf(path) });
    } catch (cause) {
      return cause instanceof Error ? cause.message : String(cause);
    }
    const answer = await api.putArtifact(runId, masks.text(name), content, signal);
    if (answer.kind === "ok") return null;
    if (!answer.problem.retry || attempt === ATTEMPTS || signal.aborted)
      return explain(answer.problem, server, { runId });
    await sleep(PAUSE_MS * attempt, null, { signal }).catch(() => null);
  }
}
