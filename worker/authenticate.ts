import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import { D1Accounts } from "../storage/d1-accounts.ts";
import type { App, Caller } from "./app-context.ts";
import { sha256Hex } from "./secrets.ts";

/** A token or session is asked for in D1 at most this often in one isolate; so long may a revoked one live on. */
const CACHE_MS = 60_000;
/** Bounded: each entry is some 300 bytes. */
const CACHE_ENTRIES = 1_000;

/** Only those who were found: an unknown token is asked for each time, so that a new one works at once. Keys are `bearer:` or `cookie:` and a hash. */
const callersByKey = new Map<string, { caller: Caller; until: number }>();

export const sessionCookieName = (c: Context<App>): string => `runcast_session_${c.env.INSTANCE_NAME}`;

/** Who asks, by bearer token or else by session cookie; null when that is nobody we know. A wrong bearer token is not helped by a good cookie. */
export async function authenticate(c: Context<App>, now: number): Promise<Caller | null> {
  const authorization = c.req.header("authorization");
  if (authorization !== undefined) {
    const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    return token === undefined ? null : cached("bearer", await sha256Hex(token), now, (hash) => findToken(c, hash));
  }
  const secret = getCookie(c, sessionCookieName(c));
  return secret === undefined
    ? null
    : cached("cookie", await sha256Hex(secret), now, (hash) => findSession(c, hash, now));
}

/** At sign-out: this isolate forgets at once, others within a minute. */
export const forgetSession = (hash: string): boolean => callersByKey.delete(`cookie:${hash}`);

async function findToken(c: Context<App>, hash: string): Promise<Caller | null> {
  const principal = await new D1Accounts(c.env.DB).findByToken(hash);
  return principal && { principal, expiresAt: null, by: "bearer" };
}

async function findSession(c: Context<App>, hash: string, now: number): Promise<Caller | null> {
  const session = await new D1Accounts(c.env.DB).findSession(hash, now);
  return session && { ...session, by: "cookie" };
}

async function cached(
  by: Caller["by"],
  hash: string,
  now: number,
  find: (hash: string) => Promise<Caller | null>,
): Promise<Caller | null> {
  const key = `${by}:${hash}`;
  const known = callersByKey.get(key);
  if (known !== undefined && now < known.until) return known.caller;
  callersByKey.delete(key);
  const caller = await find(hash);
  if (caller === null) return null;
  if (callersByKey.size >= CACHE_ENTRIES) {
    // A Map gives its keys in the order they came: the first is the oldest.
    const [oldest] = callersByKey.keys();
    if (oldest !== undefined) callersByKey.delete(oldest);
  }
  callersByKey.set(key, { caller, until: Math.min(now + CACHE_MS, caller.expiresAt ?? Infinity) });
  return caller;
}
