import { createHash, createPublicKey, verify } from "node:crypto";
import { expect, test } from "vitest";
import { Signer } from "../test/fakes/signer.ts";
import { signingKeyOf } from "./signing-key.ts";

test("[SIG2] one secret gives one key, whose signatures any Ed25519 takes, and another secret another", async () => {
  const key = await signingKeyOf("the-secret-of-tests");
  const again = await signingKeyOf("the-secret-of-tests");
  expect([again.publicKey, await again.sign("é")]).toEqual([key.publicKey, await key.sign("é")]);
  // A key that moves takes every signature back: this is the one that this secret has for ever.
  expect([key.keyId, key.publicKey]).toEqual(["c399c13e470eb07c", "pRPrSgTncb6UehByGghFRvGVPFtIfPP3R7hMGSiS1eU"]);
  const raw = Buffer.from(key.publicKey, "base64url");
  expect(key.keyId).toBe(createHash("sha256").update(raw).digest("hex").slice(0, 16));
  const { algorithm, key_id, value } = await key.sign("é");
  expect([algorithm, key_id]).toEqual(["Ed25519", key.keyId]);
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.publicKey }, format: "jwk" });
  expect(verify(null, Buffer.from("é"), publicKey, Buffer.from(value, "base64url"))).toBe(true);
  const independent = new Signer("the-secret-of-tests");
  expect([independent.publicKey, independent.sign("é")]).toEqual([key.publicKey, await key.sign("é")]);
  const other = await signingKeyOf("another-secret");
  expect(other.keyId).not.toBe(key.keyId);
  const text = new TextEncoder().encode("é");
  expect(await key.check({ algorithm, key_id, value }, text)).toBe("valid");
  expect(await other.check({ algorithm, key_id, value }, text)).toBe("other_key");
  expect(await key.check(await other.sign("é"), text)).toBe("other_key");
  expect(await key.check({ ...(await other.sign("é")), key_id }, text)).toBe("wrong");
  expect(await key.check({ algorithm, key_id, value }, new TextEncoder().encode("e"))).toBe("wrong");
});

test("[SIG2] a signature that is spelled otherwise is another", async () => {
  const key = await signingKeyOf("the-secret-of-tests");
  const signature = await key.sign("text");
  const text = new TextEncoder().encode("text");
  const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  // The last digit stands for two bits of the signature and four of nothing.
  for (const digit of base64url) {
    const value = `${signature.value.slice(0, -1)}${digit}`;
    expect(await key.check({ ...signature, value }, text)).toBe(value === signature.value ? "valid" : "wrong");
  }
});
