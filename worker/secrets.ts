import { bytesToBase64Url } from "../storage/base64-url.ts";

/** SHA-256 in lower-case hex. Tokens are 256 random bits, so their hash needs neither salt nor stretching. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** 256 random bits in characters that a cookie may hold. */
export function randomSecret(prefix: string): string {
  return prefix + bytesToBase64Url(crypto.getRandomValues(new Uint8Array(32)));
}
