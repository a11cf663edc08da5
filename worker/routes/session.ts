import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { principalSchema, signInSchema } from "../../protocol/api.ts";
import { D1Accounts } from "../../storage/d1-accounts.ts";
import { callerOf, type App } from "../app-context.ts";
import { forgetSession, sessionCookieName } from "../authenticate.ts";
import { jsonBody } from "../middleware/json-body.ts";
import { answerHeader, answers, newRoutes, refusals, takes } from "../open-api.ts";
import { problem } from "../problem.ts";
import { randomSecret, sha256Hex } from "../secrets.ts";

const SESSION_MS = 30 * 24 * 60 * 60 * 1000;

/** What one address may spend on signing in a minute: ten wrong tokens, or a hundred right ones. */
const SIGN_IN_BUDGET = 100;
const WRONG_TOKEN_COST = 10;
const SIGN_IN_WINDOW_MS = 60_000;

const setsCookie = answerHeader("The session: HttpOnly, SameSite=Strict, for 30 days", { type: "string" }, true);
const clearsCookie = answerHeader("For a caller who came with the cookie: takes it back");

export const sessionRoutes = newRoutes()
  .openapi(
    createRoute({
      method: "post",
      path: "/api/session",
      summary: "Sign a browser in with a token",
      security: [],
      middleware: [jsonBody] as const,
      request: takes(signInSchema, true),
      responses: {
        204: { description: "Signed in; the cookie is the session", headers: { "Set-Cookie": setsCookie } },
        ...refusals(
          "UNAUTHENTICATED",
          "ORIGIN_REFUSED",
          "INVALID_JSON",
          "INVALID_BODY",
          "UNSUPPORTED_MEDIA_TYPE",
          "TOO_MANY_REQUESTS",
          "STORAGE_UNAVAILABLE",
        ),
      },
    }),
    async (c) => {
      const { token, name } = c.req.valid("json");
      const accounts = new D1Accounts(c.env.DB);
      const now = Date.now();
      const address = addressOf(c);

      // Spent before the token is looked at: guesses that come all at once are counted one by one.
      const before = await accounts.spendAttempt({ address, cost: 1, windowMs: SIGN_IN_WINDOW_MS }, now);
      if (before.spent > SIGN_IN_BUDGET) {
        const seconds = Math.max(1, Math.ceil((before.windowEndsAt - now) / 1000));
        const detail = `too many attempts to sign in from ${address}; try again in ${seconds} s`;
        return problem(c, { code: "TOO_MANY_REQUESTS", detail }, { "retry-after": String(seconds) });
      }

      const principal = await accounts.findByToken(await sha256Hex(token));
      if (principal === null) {
        await accounts.spendAttempt({ address, cost: WRONG_TOKEN_COST - 1, windowMs: SIGN_IN_WINDOW_MS }, now);
        return problem(c, { code: "UNAUTHENTICATED", detail: "no such token" });
      }

      const secret = randomSecret("rs_");
      const session = {
        hash: await sha256Hex(secret),
        tokenId: principal.id,
        name: name ?? null,
        expiresAtMs: now + SESSION_MS,
      };
      await accounts.openSession(session, now);
      setCookie(c, sessionCookieName(c), secret, { ...cookieOptions(c), maxAge: SESSION_MS / 1000 });
      return c.body(null, 204);
    },
  )
  .openapi(
    createRoute({
      method: "get",
      path: "/api/session",
      summary: "Who asks",
      responses: { 200: answers(principalSchema, "The caller"), ...refusals("UNAUTHENTICATED") },
    }),
    (c) => c.json(callerOf(c).principal, 200),
  )
  .openapi(
    createRoute({
      method: "delete",
      path: "/api/session",
      summary: "Sign out",
      responses: {
        204: { description: "Signed out", headers: { "Set-Cookie": clearsCookie } },
        ...refusals("UNAUTHENTICATED", "ORIGIN_REFUSED"),
      },
    }),
    async (c) => {
      const secret = getCookie(c, sessionCookieName(c));
      if (secret !== undefined) {
        const hash = await sha256Hex(secret);
        await new D1Accounts(c.env.DB).closeSession(hash);
        forgetSession(hash);
        deleteCookie(c, sessionCookieName(c), cookieOptions(c));
      }
      return c.body(null, 204);
    },
  );

const cookieOptions = (c: Context<App>) => ({
  path: "/",
  httpOnly: true,
  sameSite: "Strict" as const,
  secure: new URL(c.req.url).protocol === "https:",
});

/**
 * Cloudflare writes the header over whatever a client sends. A server that answers to named hosts only stands alone, and a client could write there
 * what it likes: then all share one budget.
 */
const addressOf = (c: Context<App>): string =>
  (c.env.ALLOWED_HOSTS === "" ? c.req.header("cf-connecting-ip") : undefined) ?? "any address";
