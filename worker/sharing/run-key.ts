import type { Context } from "hono";
import type { App } from "../app-context.ts";
import { bytesToBase64Url } from "../../storage/base64-url.ts";

/** Keeps a key from being good for anything else that the instance's secret may once sign. */
const PURPOSE = "runcast.share.v1";

/**
 * What opens a run's badge and link preview, its name and how it stands, to someone who is not signed in. Nothing is stored: it is good as long as
 * the instance's secret stays.
 */
export async function runKey(secret: string, runId: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encode(secret), algorithm, false, ["sign"]);
  return bytesToBase64Url(new Uint8Array(await crypto.subtle.sign("HMAC", key, encode(`${PURPOSE}\n${runId}`))));
}

/** Whether the request brings the run's key, as `?key=`. */
export async function hasRunKey(c: Context<App>, runId: string): Promise<boolean> {
  const key = c.req.query("key");
  return key !== undefined && isRunKey(c.env.RUNCAST_SECRET, runId, key);
}

/** Whether `key` is the run's. It takes as long for a wrong one, wherever it differs; without a secret there is no right one. */
async function isRunKey(secret: string | undefined, runId: string, key: string): Promise<boolean> {
  if (!secret) return false;
  const [right, given] = [encode(await runKey(secret, runId)), encode(key)];
  return right.byteLength === given.byteLength && crypto.subtle.timingSafeEqual(right, given);
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
