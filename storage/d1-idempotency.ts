import { and, eq, lte } from "drizzle-orm";
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import { idempotencyKeys } from "../migrations/schema.ts";
import { LIMITS } from "../protocol/limits.ts";

export type Claim =
  /** The key is new: the run with the id that came along may be made. */
  | { kind: "fresh" }
  /** The same request came before, and was given this run. It may not have been made yet: the first may have failed half way, or be under way. */
  | { kind: "repeat"; runId: string }
  | { kind: "mismatch" };

/** Idempotency-Keys in D1. */
export class D1Idempotency {
  readonly #db: DrizzleD1Database;

  constructor(database: D1Database) {
    this.#db = drizzle(database);
  }

  /** Of any number of claims at once exactly one is fresh; the batch is one transaction. Keys past their day go at the same time. */
  async claim(
    wanted: { principalId: string; key: string; fingerprint: string; runId: string },
    now: number,
  ): Promise<Claim> {
    const [, , [row]] = await this.#db.batch([
      this.#db.delete(idempotencyKeys).where(lte(idempotencyKeys.createdAtMs, now - LIMITS.idempotencyKeyMs)),
      this.#db
        .insert(idempotencyKeys)
        .values({ ...wanted, createdAtMs: now })
        .onConflictDoNothing(),
      this.#db
        .select()
        .from(idempotencyKeys)
        .where(and(eq(idempotencyKeys.principalId, wanted.principalId), eq(idempotencyKeys.key, wanted.key))),
    ]);
    if (row === undefined) throw new Error("a key is there after its insert");
    if (row.runId === wanted.runId) return { kind: "fresh" };
    return row.fingerprint === wanted.fingerprint ? { kind: "repeat", runId: row.runId } : { kind: "mismatch" };
  }
}
