import { bytesToHex } from "../protocol/hex.ts";
import { SIGNATURE_ALGORITHM, type ManifestSignature } from "../protocol/proof/manifest.ts";
import type { SignatureCheck } from "../protocol/proof/prove-archive.ts";
import { base64UrlToBytes, bytesToBase64Url } from "./base64-url.ts";

export type SigningKey = {
  keyId: string;
  /** base64url of the 32 bytes of RFC 8032. */
  publicKey: string;
  sign(text: string): Promise<ManifestSignature>;
  check: SignatureCheck;
};

/** Apart from every other key of the same secret. */
const PURPOSE = "runcast manifest signature v1";
/** What stands before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410). */
const PKCS8_PREFIX = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);
const KEY_ID_DIGITS = 16;
const encoder = new TextEncoder();

/** The instance's Ed25519 key, derived from its secret: nothing is stored, and the same secret gives the same key and signatures for ever. [SIG2] */
export async function signingKeyOf(secret: string): Promise<SigningKey> {
  const material = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, ["deriveBits"]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: encoder.encode(PURPOSE) };
  const seed = new Uint8Array(await crypto.subtle.deriveBits(hkdf, material, 256));
  const pkcs8 = Uint8Array.from([...PKCS8_PREFIX, ...seed]);
  // Extractable, because only the export tells the public key.
  const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, SIGNATURE_ALGORITHM, true, ["sign"]);
  const jwk = await crypto.subtle.exportKey("jwk", privateKey);
  if (jwk instanceof ArrayBuffer || typeof jwk.x !== "string") throw new Error("the platform exported no public key");
  const publicKey = jwk.x;
  const raw = base64UrlToBytes(publicKey);
  const verifyKey = await crypto.subtle.importKey("raw", raw, SIGNATURE_ALGORITHM, false, ["verify"]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
  const keyId = bytesToHex(digest).slice(0, KEY_ID_DIGITS);
  return {
    keyId,
    publicKey,
    async sign(text) {
      const value = await crypto.subtle.sign(SIGNATURE_ALGORITHM, privateKey, encoder.encode(text));
      return { algorithm: SIGNATURE_ALGORITHM, key_id: keyId, value: bytesToBase64Url(new Uint8Array(value)) };
    },
    async check({ key_id, value }, text) {
      if (key_id !== keyId) return "other_key";
      const bytes = base64UrlToBytes(value);
      // Several texts can stand for the same bytes; only one of them is what was written.
      if (bytesToBase64Url(bytes) !== value) return "wrong";
      return (await crypto.subtle.verify(SIGNATURE_ALGORITHM, verifyKey, bytes, Uint8Array.from(text)))
        ? "valid"
        : "wrong";
    },
  };
}
