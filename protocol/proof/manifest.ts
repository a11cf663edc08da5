import * as z from "zod";
import { runIdSchema, TERMINAL_STATUSES } from "../event.ts";

export const SIGNATURE_ALGORITHM = "Ed25519";

export const manifestSignatureSchema = z.object({
  algorithm: z.literal(SIGNATURE_ALGORITHM),
  /** The first 16 hex digits of the public key's SHA-256. */
  key_id: z.string().regex(/^[0-9a-f]{16}$/),
  /** base64url without padding. */
  value: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
});
export type ManifestSignature = z.infer<typeof manifestSignatureSchema>;

const position = z.int().min(0).nullable();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * `manifest.json`: what the whole log is, for people and for proof, and the producers' last batches, so that a repeat is still a
 * duplicate when the object is empty. `running` chains the segments: SHA-256(running before ‖ the segment's hash), raw bytes, from nothing.
 */
export const manifestSchema = z.object({
  schema: z.literal("runcast.manifest/v1"),
  run_id: runIdSchema,
  workspace_id: z.string(),
  status: z.enum(TERMINAL_STATUSES),
  events: z.int().min(1),
  bytes: z.int().min(1),
  /** Of all lines as they were written, each with its newline. */
  sha256,
  segments: z.array(
    z.object({
      first_sequence: z.int(),
      last_sequence: z.int(),
      bytes: z.int(),
      sha256,
      running: sha256,
      /** What the archive holds of it, where that is less than there was. */
      stored_bytes: z.int().min(0).optional(),
    }),
  ),
  /** Segments that were damaged or gone before the archive was made: it has the lines that could still be read, and nothing vouches for those. */
  damaged: z.array(z.object({ first: z.int().min(1), last: z.int().min(1) })).optional(),
  /** Lines whose `created_at` is later than their receipt: `[first_sequence, last_sequence, received_at]`. */
  ahead: z.array(z.tuple([z.int(), z.int(), z.string()])).optional(),
  /** A list, because a producer may call itself `__proto__`, which no record survives. */
  producers: z.array(
    z.object({
      producer_id: z.string(),
      epoch: z.int(),
      last: z.int(),
      /** `[first_sequence, last_sequence, accepted]` of the last 64 batches, oldest first. */
      batches: z.array(z.tuple([position, position, z.int()])),
    }),
  ),
  /** Always the last member; see `manifestText`. */
  signature: manifestSignatureSchema.optional(),
});
export type Manifest = z.infer<typeof manifestSchema>;
export type UnsignedManifest = Omit<Manifest, "signature">;

/** Stands before the signature, once in a file: no string of JSON holds a newline. */
const BEFORE_SIGNATURE = ',\n "signature": ';
const FILE_END = "\n}";

/** The text that is signed: the file up to its signature, so that nobody has to write JSON in just our way to check it. [SIG1] */
export const signedText = (manifest: UnsignedManifest): string =>
  JSON.stringify(manifest, null, 1).slice(0, -FILE_END.length);

/** The file. `signature` is of the UTF-8 bytes of `signedText`; null where the instance has no secret to sign with. */
export const manifestText = (manifest: UnsignedManifest, signature: ManifestSignature | null): string =>
  `${signedText(manifest)}${signature === null ? "" : `${BEFORE_SIGNATURE}${JSON.stringify(signature)}`}${FILE_END}`;

export type ManifestReading =
  /** Not a manifest, whatever it is. */
  | { kind: "unreadable" }
  | { kind: "unsigned"; manifest: Manifest }
  /** `text` is what the signature is of; null when the file was edited so that there is no such text. */
  | { kind: "signed"; manifest: Manifest; signature: ManifestSignature; text: string | null };

export function readManifest(file: string): ManifestReading {
  const read = manifestSchema.safeParse(parsed(file));
  if (!read.success) return { kind: "unreadable" };
  const { signature } = read.data;
  if (signature === undefined) return { kind: "unsigned", manifest: read.data };
  const text = file.slice(0, Math.max(0, file.lastIndexOf(BEFORE_SIGNATURE)));
  // Not one byte of the rest may be other than it was written either.
  const isAsWritten = file === `${text}${BEFORE_SIGNATURE}${JSON.stringify(signature)}${FILE_END}`;
  return { kind: "signed", manifest: read.data, signature, text: isAsWritten ? text : null };
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(file);
  } catch {
    // What is no JSON is no manifest: the schema says so.
    return null;
  }
}

/** How many bytes of a segment the archive holds. */
export const storedBytesOf = (segment: Manifest["segments"][number]): number => segment.stored_bytes ?? segment.bytes;
