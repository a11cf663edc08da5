import { bytesToHex, hexToBytes } from "../hex.ts";
import { LogVerifier, type Hash, type LogProof } from "./log-verifier.ts";
import { readManifest, type Manifest, type ManifestSignature } from "./manifest.ts";

/** What a log's manifest is worth. */
export const MANIFEST_STATES = [
  /** Its signature and its numbers are right. */
  "valid",
  /** It is signed, and nobody said with which key it should be. */
  "unchecked",
  /** Nobody signed it. */
  "unsigned",
  /** It is signed with another key than the one that it was held against. */
  "other_key",
  /** Its signature is not of what it says. */
  "edited",
  /** Its numbers contradict each other. */
  "contradictory",
  "unreadable",
  "missing",
  /** There is none yet: the log is not archived. */
  "not_yet",
] as const;
export type ManifestState = (typeof MANIFEST_STATES)[number];

/** `complete` is about the lines and the manifest; `signed_by` is the key whose signature was found to be right. */
export type ArchiveProof = LogProof & { manifest: ManifestState; signed_by: string | null };

/** Whether the signature is of this text, by the key that is known. */
export type SignatureCheck = (
  signature: ManifestSignature,
  text: Uint8Array,
) => Promise<"valid" | "wrong" | "other_key">;

export type ArchivedLogFiles = {
  /** The whole file, decoded without losing a byte-order mark; null when there is none. */
  manifest: string | null;
  body: AsyncIterable<Uint8Array> | null;
  /** Of the last line, when somebody else knows it. */
  lastSequence: number;
};

export type Verification = {
  newHash(): Hash;
  sha256(bytes: Uint8Array): Promise<Uint8Array>;
  /** Null when no key is at hand. */
  check: SignatureCheck | null;
};

export type ProofStep = { kind: "progress"; events: number; bytes: number } | { kind: "proof"; proof: ArchiveProof };

/** Reads an archived log once and holds it against its manifest, and that against its signature. [VER2] [SIG1] */
export async function* proveArchive(files: ArchivedLogFiles, by: Verification): AsyncGenerator<ProofStep, void> {
  const { state, manifest, signedBy } = await judgeManifest(files.manifest, by);
  const head = Math.max(files.lastSequence, manifest?.events ?? 0);
  const verifier = new LogVerifier(() => by.newHash(), head);
  // What was edited is nothing to hold a log against.
  const trusted = TRUSTED.has(state) ? manifest : null;
  const parts = trusted?.segments.map(partOf) ?? [{ firstSequence: 1, lastSequence: head, sha256: null }];
  if (files.body !== null)
    for await (const _piece of verifier.read(parts, files.body)) yield { kind: "progress", ...verifier.progress };
  const log = await verifier.finish(trusted === null ? { kind: "nothing" } : { kind: "hash", sha256: trusted.sha256 });
  // Who knows the key takes no log without its signature for proved: to leave it out is the easiest edit of all.
  const isProved = by.check === null ? TRUSTED.has(state) : state === "valid";
  yield { kind: "proof", proof: { ...log, complete: log.complete && isProved, manifest: state, signed_by: signedBy } };
}

const TRUSTED: ReadonlySet<ManifestState> = new Set(["valid", "unchecked", "unsigned", "other_key"]);

type Judgement = { state: ManifestState; manifest: Manifest | null; signedBy: string | null };

async function judgeManifest(file: string | null, by: Verification): Promise<Judgement> {
  if (file === null) return { state: "missing", manifest: null, signedBy: null };
  const read = readManifest(file);
  if (read.kind === "unreadable") return { state: "unreadable", manifest: null, signedBy: null };
  const { manifest } = read;
  const judged = (state: ManifestState, signedBy: string | null = null): Judgement => ({ state, manifest, signedBy });
  const isConsistent = await addsUp(manifest, by);
  if (read.kind === "unsigned") return judged(isConsistent ? "unsigned" : "contradictory");
  if (read.text === null) return judged("edited");
  if (by.check === null) return judged(isConsistent ? "unchecked" : "contradictory");
  switch (await by.check(read.signature, new TextEncoder().encode(read.text))) {
    case "valid":
      return isConsistent ? judged("valid", read.signature.key_id) : judged("contradictory");
    case "wrong":
      return judged("edited");
    case "other_key":
      return judged(isConsistent ? "other_key" : "contradictory");
  }
}

/** Whether the segments follow on each other from the first line to the last, and each `running` from the one before. [SIG3] */
async function addsUp(manifest: Manifest, by: Verification): Promise<boolean> {
  let last = 0;
  let bytes = 0;
  let running: Uint8Array = new Uint8Array();
  for (const segment of manifest.segments) {
    running = await by.sha256(Uint8Array.from([...running, ...hexToBytes(segment.sha256)]));
    const follows = segment.first_sequence === last + 1 && segment.last_sequence >= segment.first_sequence;
    if (!follows || bytesToHex(running) !== segment.running) return false;
    last = segment.last_sequence;
    bytes += segment.bytes;
  }
  return last === manifest.events && bytes === manifest.bytes;
}

const partOf = (segment: Manifest["segments"][number]) => ({
  firstSequence: segment.first_sequence,
  lastSequence: segment.last_sequence,
  sha256: segment.sha256,
});
