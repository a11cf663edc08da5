import type { Hash } from "../../core/reading/log-verifier.ts";
import type { StoredBytes } from "../../core/reading/verify-log.ts";
import { bytesToHex } from "../../core/run/hex.ts";
import type { Manifest } from "../../core/run/manifest.ts";
import type { R2LogReader } from "../../storage/r2-log-reader.ts";
import { errorText, logError } from "../../storage/server-log.ts";
import { isUnavailable } from "../answer-errors.ts";
import type { runObject } from "../objects.ts";

/** A run's stored bytes, from R2 and the hot end of its object. */
export const storedBytes = (object: ReturnType<typeof runObject>, reader: R2LogReader, runId: string): StoredBytes => ({
  tail: (afterSequence) => object.logTail(afterSequence),
  segment: (segment) => reader.segmentBytes(segment),
  whole: () => reader.wholeBytes(),
  manifest: () => readableManifest(reader, runId),
  newHash: sha256,
});

/** A manifest that cannot be read proves nothing, and must not hide what the log itself shows. */
async function readableManifest(reader: R2LogReader, runId: string): Promise<Manifest | null> {
  try {
    return await reader.manifest();
  } catch (error) {
    if (isUnavailable(error)) throw error;
    logError("a manifest cannot be read; the log is verified without it", { run_id: runId, error: errorText(error) });
    return null;
  }
}

function sha256(): Hash {
  const digest = new crypto.DigestStream("SHA-256");
  const writer = digest.getWriter();
  return {
    update: (bytes) => writer.write(bytes),
    hex: async () => {
      await writer.close();
      return bytesToHex(new Uint8Array(await digest.digest));
    },
  };
}
