import { createHash, createPrivateKey, createPublicKey, hkdfSync, sign, verify, type KeyObject } from "node:crypto";
import type { ManifestSignature } from "../../protocol/proof/manifest.ts";
import type { SignatureCheck } from "../../protocol/proof/prove-archive.ts";

/** The instance's key as the documents tell it, with another library than the server's, and at once: a simulation waits for no thread. */
export class Signer {
  readonly keyId: string;
  readonly publicKey: string;
  readonly #private: KeyObject;
  readonly #public: KeyObject;

  constructor(secret: string) {
    const seed = Buffer.from(hkdfSync("sha256", secret, "", "runcast manifest signature v1", 32));
    const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
    this.#private = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    this.#public = createPublicKey(this.#private);
    this.publicKey = String(this.#public.export({ format: "jwk" }).x);
    this.keyId = createHash("sha256").update(Buffer.from(this.publicKey, "base64url")).digest("hex").slice(0, 16);
  }

  sign(text: string): ManifestSignature {
    const value = sign(null, Buffer.from(text), this.#private).toString("base64url");
    return { algorithm: "Ed25519", key_id: this.keyId, value };
  }

  check: SignatureCheck = async ({ key_id, value }, text) => {
    if (key_id !== this.keyId) return "other_key";
    const bytes = Buffer.from(value, "base64url");
    return bytes.toString("base64url") === value && verify(null, text, this.#public, bytes) ? "valid" : "wrong";
  };
}
