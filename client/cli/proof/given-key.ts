import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import * as z from "zod";
import type { SignatureCheck } from "../../../protocol/proof/prove-archive.ts";

/** A public key that a log is held against. */
export type GivenKey = { keyId: string; check: SignatureCheck };
export type KeyReading = { kind: "key"; key: GivenKey } | { kind: "trouble"; reason: string };

/** 32 bytes in base64url. */
const PUBLIC_KEY = /^[A-Za-z0-9_-]{43}$/;
/** As `GET /api/signing-key` answers. */
const answerSchema = z.object({ public_key: z.string().regex(PUBLIC_KEY) });

/** Reads `--key`: the key itself, or a file that holds it or the answer of `GET /api/signing-key`. */
export function readKey(given: string): KeyReading {
  if (PUBLIC_KEY.test(given)) return keyOf(given);
  let text: string;
  try {
    text = readFileSync(given, "utf8").trim();
  } catch {
    // Neither is named in the reason by accident: whatever was meant, this is what is wrong with it.
    return {
      kind: "trouble",
      reason: `--key ${given} is neither a public key (43 characters of base64url) nor a file that can be read.`,
    };
  }
  const answer = answerSchema.safeParse(parsed(text));
  if (answer.success) return keyOf(answer.data.public_key);
  if (PUBLIC_KEY.test(text)) return keyOf(text);
  return { kind: "trouble", reason: `${given} holds no public key: save what GET /api/signing-key answers.` };
}

function keyOf(publicKey: string): KeyReading {
  const raw = Buffer.from(publicKey, "base64url");
  if (raw.toString("base64url") !== publicKey)
    return { kind: "trouble", reason: `${publicKey} is no public key: its last character cannot stand there.` };
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: publicKey }, format: "jwk" });
  const keyId = createHash("sha256").update(raw).digest("hex").slice(0, 16);
  const check: SignatureCheck = async ({ key_id, value }, text) => {
    if (key_id !== keyId) return "other_key";
    const signature = Buffer.from(value, "base64url");
    // Several texts can stand for the same bytes; only one of them is what was written.
    const isAsWritten = signature.toString("base64url") === value;
    return isAsWritten && verify(null, text, key, signature) ? "valid" : "wrong";
  };
  return { kind: "key", key: { keyId, check } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Then it is perhaps the key itself.
    return null;
  }
}
