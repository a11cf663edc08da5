import { asc, eq } from "drizzle-orm";
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import { workspaces } from "../migrations/schema.ts";

export type WorkspaceRow = { workspaceId: string; name: string; createdAt: string };

/** The workspaces in D1. */
export class D1Workspaces {
  readonly #db: DrizzleD1Database;

  constructor(database: D1Database) {
    this.#db = drizzle(database);
  }

  /** May be repeated: a workspace that is there keeps its name and its birthday. Answers with the one that is there now. */
  async create(row: WorkspaceRow): Promise<{ created: boolean; workspace: WorkspaceRow }> {
    const [inserted, [workspace]] = await this.#db.batch([
      this.#db.insert(workspaces).values(row).onConflictDoNothing().returning({ id: workspaces.workspaceId }),
      this.#db.select().from(workspaces).where(eq(workspaces.workspaceId, row.workspaceId)),
    ]);
    if (workspace === undefined) throw new Error("a workspace is there after its insert");
    return { created: inserted.length > 0, workspace };
  }

  async exists(workspaceId: string): Promise<boolean> {
    const rows = await this.#db
      .select({ workspaceId: workspaces.workspaceId })
      .from(workspaces)
      .where(eq(workspaces.workspaceId, workspaceId));
    return rows.length > 0;
  }

  /** All of them, by slug. */
  async list(): Promise<WorkspaceRow[]> {
    return this.#db.select().from(workspaces).orderBy(asc(workspaces.workspaceId));
  }
}
