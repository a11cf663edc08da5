import { and, eq, gt, lte, ne, sql } from "drizzle-orm";
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import { sessions, signInAttempts, tokens } from "../migrations/schema.ts";
import { principalSchema, type Principal } from "../protocol/api.ts";
import { logSkipped } from "./server-log.ts";

export type Session = { principal: Principal; expiresAt: number };

/** Tokens, sessions and attempts to sign in, in D1. It is given hashes and holds hashes. */
export class D1Accounts {
  readonly #db: DrizzleD1Database;

  constructor(database: D1Database) {
    this.#db = drizzle(database);
  }

  async findByToken(hash: string): Promise<Principal | null> {
    const [row] = await this.#db
      .select({ id: tokens.id, name: tokens.name, role: tokens.role })
      .from(tokens)
      .where(eq(tokens.hash, hash));
    return row === undefined ? null : decodePrincipal(row);
  }

  /** null when there is none, or it has expired, or its token is gone. */
  async findSession(hash: string, now: number): Promise<Session | null> {
    const [row] = await this.#db
      .select({
        id: tokens.id,
        name: sql<string>`coalesce(${sessions.name}, ${tokens.name})`,
        role: tokens.role,
        expiresAt: sessions.expiresAtMs,
      })
      .from(sessions)
      .innerJoin(tokens, eq(tokens.id, sessions.tokenId))
      .where(and(eq(sessions.hash, hash), gt(sessions.expiresAtMs, now)));
    if (row === undefined) return null;
    const principal = decodePrincipal(row);
    return principal && { principal, expiresAt: row.expiresAt };
  }

  /** Sessions that have expired go at the same time: nothing else ever removes them. */
  async openSession(session: typeof sessions.$inferInsert, now: number): Promise<void> {
    await this.#db.batch([
      this.#db.delete(sessions).where(lte(sessions.expiresAtMs, now)),
      this.#db.insert(sessions).values(session),
    ]);
  }

  async closeSession(hash: string): Promise<void> {
    await this.#db.delete(sessions).where(eq(sessions.hash, hash));
  }

  /** Adds to what the address has spent in its window (a new one when the last is over) and answers with the sum. Exact among any number of isolates. */
  async spendAttempt(
    attempt: { address: string; cost: number; windowMs: number },
    now: number,
  ): Promise<{ spent: number; windowEndsAt: number }> {
    const { address, cost } = attempt;
    const [, [row]] = await this.#db.batch([
      this.#db
        .delete(signInAttempts)
        .where(and(lte(signInAttempts.windowEndsAtMs, now), ne(signInAttempts.address, address))),
      this.#db
        .insert(signInAttempts)
        .values({ address, spent: cost, windowEndsAtMs: now + attempt.windowMs })
        .onConflictDoUpdate({
          target: signInAttempts.address,
          set: {
            spent: sql`CASE WHEN ${signInAttempts.windowEndsAtMs} <= ${now} THEN ${cost} ELSE ${signInAttempts.spent} + ${cost} END`,
            windowEndsAtMs: sql`CASE WHEN ${signInAttempts.windowEndsAtMs} <= ${now} THEN ${now + attempt.windowMs} ELSE ${signInAttempts.windowEndsAtMs} END`,
          },
        })
        .returning({ spent: signInAttempts.spent, windowEndsAt: signInAttempts.windowEndsAtMs }),
    ]);
    if (row === undefined) throw new Error("an upsert returns its row");
    return row;
  }
}

function decodePrincipal(row: { id: string; name: string; role: string }): Principal | null {
  const principal = principalSchema.safeParse(row);
  if (principal.success) return principal.data;
  // Nobody comes in by a damaged row; the others are unaffected.
  logSkipped("token_row", { token_id: row.id });
  return null;
}
