import type { StoredBytes } from "../../core/reading/verify-log.ts";
import { bytesToHex } from "../../protocol/hex.ts";
import type { Hash } from "../../protocol/proof/log-verifier.ts";
import type { SignatureCheck } from "../../protocol/proof/prove-archive.ts";
import type { R2LogReader } from "../../storage/r2-log-reader.ts";
import type { runObject } from "../objects.ts";

/** A run's stored bytes, from R2 and the hot end of its object. */
export const storedBytes = (
  object: ReturnType<typeof runObject>,
  reader: R2LogReader,
  check: SignatureCheck | null,
): StoredBytes => ({
  tail: (afterSequence) => object.logTail(afterSequence),
  segment: (segment) => reader.segmentBytes(segment),
  whole: () => reader.wholeBytes(),
  manifest: () => reader.manifestFile(),
  newHash,
  sha256: async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes))),
  check,
});

function newHash(): Hash {
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
