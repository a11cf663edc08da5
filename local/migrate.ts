import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Miniflare } from "miniflare";
import { ROOT } from "./state-folder.ts";

/** D1 as Miniflare hands it out. */
export type Database = Awaited<ReturnType<Miniflare["getD1Database"]>>;

/**
 * Brings the database up to the last file of `migrations/`, each whole or not at all, and answers with the names applied now.
 * The table of what was applied is wrangler's, so that `wrangler d1 migrations` may be used on the same database.
 */
export async function migrate(database: Database): Promise<string[]> {
  await database.exec(
    "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
  );
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  const pending = globSync("migrations/*.sql", { cwd: ROOT })
    .toSorted()
    .filter((path) => !applied.has(basename(path)));
  if (pending.length === 0) return [];

  // Loading wrangler takes a second, and most starts have nothing to apply.
  const { unstable_splitSqlQuery: splitStatements } = await import("wrangler");
  for (const path of pending) {
    const statements = splitStatements(readFileSync(join(ROOT, path), "utf8"));
    await database.batch([
      ...statements.map((sql) => database.prepare(sql)),
      database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(basename(path)),
    ]);
  }
  return pending.map((path) => basename(path));
}
