import { createHash } from "node:crypto";
import { LogVerifier, type Hash } from "../../../protocol/proof/log-verifier.ts";
import {
  proveArchive,
  type ArchiveProof,
  type ManifestState,
  type SignatureCheck,
} from "../../../protocol/proof/prove-archive.ts";

/** What is known of a log. Without a manifest nothing can be said about its bytes, only about its sequences. */
export type FileProof = Omit<ArchiveProof, "manifest"> & { manifest: ManifestState | null };

/** Reads a log (NDJSON) once, without a server: against its manifest, and that against the key, as far as they are given. */
export async function verifyFile(
  body: AsyncIterable<Uint8Array>,
  manifest: string | null,
  check: SignatureCheck | null,
): Promise<FileProof> {
  if (manifest === null) return sequencesOf(body);
  const sha256 = async (bytes: Uint8Array): Promise<Uint8Array> => createHash("sha256").update(bytes).digest();
  for await (const step of proveArchive({ manifest, body, lastSequence: 0 }, { newHash, sha256, check }))
    if (step.kind === "proof") return step.proof;
  throw new Error("a verification ended without its result");
}

async function sequencesOf(body: AsyncIterable<Uint8Array>): Promise<FileProof> {
  const verifier = new LogVerifier(newHash, 0);
  for await (const _piece of verifier.read([], body));
  const log = await verifier.finish(null);
  return { ...log, complete: log.complete && log.events > 0, manifest: null, signed_by: null };
}

function newHash(): Hash {
  const hash = createHash("sha256");
  return { update: async (bytes) => void hash.update(bytes), hex: async () => hash.digest("hex") };
}
