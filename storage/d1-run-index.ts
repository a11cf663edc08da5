import { and, desc, eq, getTableColumns, inArray, gt, lt, or, sql, type SQL } from "drizzle-orm";
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import type { IndexedRun, RunIndex, RunQuery, RunStats } from "../core/ports.ts";
import type { Details } from "../core/run/edits.ts";
import { artifacts, artifactUploads, deletedRuns, idempotencyKeys, runs } from "../migrations/schema.ts";
import { LIMITS } from "../protocol/limits.ts";
import { readStats } from "./d1-run-stats.ts";
import { decodeCursor, encodeCursor, wordsOf } from "./run-filter.ts";
import { logSkipped } from "./server-log.ts";
import { detailsToRow, rowToRun, rowToSummary, runToRow } from "./run-row.ts";

const columns = Object.entries(getTableColumns(runs));
const { summary: _summary, ...listedColumns } = getTableColumns(runs);

/** The list of runs in D1. One statement a call; every list is read through an index. */
export class D1RunIndex implements RunIndex {
  readonly #database: D1Database;
  readonly #db: DrizzleD1Database;

  constructor(database: D1Database) {
    this.#database = database;
    this.#db = drizzle(database);
  }

  async upsert(row: IndexedRun): Promise<void> {
    const values = Object.entries(runToRow(row));
    const valuesByField = new Map<string, string | number | null>(values);
    // The guards are part of the statement: two writers, or a repeat after a lost answer, cannot come between check and write.
    await this.#db.run(sql`
      INSERT INTO ${runs} (${join(columns.map(([, column]) => sql.identifier(column.name)))})
      SELECT ${join(columns.map(([field]) => sql`${valuesByField.get(field) ?? null}`))}
      WHERE NOT EXISTS (SELECT 1 FROM ${deletedRuns} WHERE ${deletedRuns.runId} = ${row.run.run_id})
      ON CONFLICT (${sql.identifier(runs.runId.name)}) DO UPDATE
      SET ${join(columns.map(([, column]) => sql`${sql.identifier(column.name)} = ${projected(column)}`))}
      WHERE excluded.${sql.identifier(runs.revision.name)} > ${runs.revision}`);
  }

  async get(runId: string): Promise<IndexedRun | null> {
    const [row] = await this.#db.select().from(runs).where(eq(runs.runId, runId));
    if (row === undefined) return null;
    const run = rowToRun(row);
    if (run.kind === "damaged") {
      reportDamage(runId, run.reason);
      return null;
    }
    const summary = rowToSummary(row.summary);
    if (summary.kind === "damaged") reportDamage(runId, summary.reason);
    return {
      run: run.value,
      revision: row.revision,
      summary: summary.kind === "decoded" ? summary.value : null,
      appends: row.appends,
    };
  }

  /** The revision is part of the statement: of two edits of what both have read one changes nothing, and is told so. [EDIT3] */
  async edit(runId: string, details: Details, revision: number): Promise<boolean> {
    const { meta } = await this.#db
      .update(runs)
      .set({ ...detailsToRow(details), revision: revision + 1 })
      .where(and(eq(runs.runId, runId), eq(runs.revision, revision)));
    return meta.changes > 0;
  }

  async addOutputPath(runId: string, path: string): Promise<void> {
    const added = sql`json_insert(${runs.outputPaths}, '$[#]', ${path})`;
    await this.#db
      .update(runs)
      .set({ outputPaths: added, revision: sql`${runs.revision} + 1` })
      .where(
        and(
          eq(runs.runId, runId),
          sql`json_valid(${runs.outputPaths})`,
          sql`NOT EXISTS (SELECT 1 FROM json_each(${runs.outputPaths}) AS known WHERE known.value = ${path})`,
          sql`length(CAST(${added} AS BLOB)) <= ${LIMITS.outputPathsBytes}`,
        ),
      );
  }

  async setIncomplete(runId: string, isIncomplete: boolean): Promise<boolean> {
    const { meta } = await this.#db
      .update(runs)
      .set({ incomplete: Number(isIncomplete), revision: sql`${runs.revision} + 1` })
      .where(and(eq(runs.runId, runId), eq(runs.incomplete, Number(!isIncomplete))));
    return meta.changes > 0;
  }

  /** Lists carry no summaries (`summary` is null): two hundred of them would be megabytes that no list shows. */
  async list(query: RunQuery): Promise<{ items: IndexedRun[]; nextCursor: string | null; skipped: number }> {
    const rows = await this.listStatement(query);
    const page = rows.slice(0, query.limit);
    const items: IndexedRun[] = [];
    for (const row of page) {
      const run = rowToRun(row);
      if (run.kind === "decoded")
        items.push({ run: run.value, revision: row.revision, summary: null, appends: row.appends });
      else reportDamage(row.runId, run.reason);
    }
    const last = page.at(-1);
    const nextCursor = rows.length > page.length && last !== undefined ? encodeCursor(last) : null;
    return { items, nextCursor, skipped: page.length - items.length };
  }

  /** A reader had to leave out so many lines of the run. It stays the most that any reader met; no revision, because no list shows it. */
  async noteSkipped(runId: string, lines: number): Promise<void> {
    await this.#db
      .update(runs)
      .set({ skippedLines: lines })
      .where(and(eq(runs.runId, runId), lt(runs.skippedLines, lines)));
  }

  stats(workspaceId: string, days: readonly string[]): Promise<RunStats> {
    return readStats(this.#database, workspaceId, days);
  }

  /** From now on nothing new is written of the run: its id stays here for ever. May be repeated. */
  async bury(runId: string): Promise<void> {
    await this.#db.insert(deletedRuns).values({ runId, deletedAtMs: Date.now() }).onConflictDoNothing();
  }

  async isBuried(runId: string): Promise<boolean> {
    return (await this.#db.select().from(deletedRuns).where(eq(deletedRuns.runId, runId))).length > 0;
  }

  async delete(runId: string): Promise<void> {
    await this.#db.batch([
      this.#db.insert(deletedRuns).values({ runId, deletedAtMs: Date.now() }).onConflictDoNothing(),
      // A repeated key must make a new run, not point at one that is gone.
      this.#db.delete(idempotencyKeys).where(eq(idempotencyKeys.runId, runId)),
      this.#db.delete(artifacts).where(eq(artifacts.runId, runId)),
      this.#db.delete(artifactUploads).where(eq(artifactUploads.runId, runId)),
      this.#db.delete(runs).where(eq(runs.runId, runId)),
    ]);
  }

  /** The statement of `list`, not yet run: one row more than the page, which tells whether another page follows. */
  listStatement(query: RunQuery) {
    return this.#db
      .select(listedColumns)
      .from(runs)
      .where(conditionOf(query))
      .orderBy(desc(runs.createdAt), desc(runs.runId))
      .limit(query.limit + 1);
  }
}

/** What a newer projection makes of a column. What readers found is known here alone, and is not taken back. */
function projected(column: (typeof columns)[number][1]): SQL {
  const excluded = sql`excluded.${sql.identifier(column.name)}`;
  return column === runs.skippedLines ? sql`max(${column}, ${excluded})` : excluded;
}

function conditionOf(query: RunQuery): SQL | undefined {
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
  return and(
    eq(runs.workspaceId, query.workspaceId),
    query.statuses && inArray(runs.status, [...query.statuses]),
    query.workflowId === undefined ? undefined : eq(runs.workflowId, query.workflowId),
    // A literal, because a partial index is only chosen when the condition is in the text of the statement.
    query.pinned === undefined ? undefined : query.pinned ? sql`${runs.pinned} = 1` : sql`${runs.pinned} = 0`,
    query.stale === undefined ? undefined : eq(runs.stale, Number(query.stale)),
    query.createdAfter === undefined ? undefined : gt(runs.createdAt, query.createdAfter),
    query.createdBefore === undefined ? undefined : lt(runs.createdAt, query.createdBefore),
    query.maxValidationSeverity && eq(runs.maxValidationSeverity, query.maxValidationSeverity),
    query.labels?.length ? hasLabels(query.labels) : undefined,
    query.q === undefined ? undefined : matchesText(query.q),
    after === null ? undefined : sql`(${runs.createdAt}, ${runs.runId}) < (${after.createdAt}, ${after.runId})`,
  );
}

/** One parameter however many labels (D1 takes 100); a damaged column has no labels instead of failing the whole list. */
function hasLabels(wanted: NonNullable<RunQuery["labels"]>): SQL {
  return sql`NOT EXISTS (
    SELECT 1 FROM json_each(${JSON.stringify(wanted)}) AS wanted WHERE NOT EXISTS (
      SELECT 1 FROM json_each(CASE WHEN json_valid(${runs.labels}) THEN ${runs.labels} ELSE '{}' END) AS label
      WHERE label.key = wanted.value ->> 'key' AND label.value = wanted.value ->> 'value'))`;
}

/** `instr`, not LIKE: D1 limits a pattern to 50 bytes, and a pattern would have to be escaped. */
function matchesText(q: string): SQL | undefined {
  const prefix = q.trim().toLowerCase();
  return or(
    sql`NOT EXISTS (SELECT 1 FROM json_each(${JSON.stringify(wordsOf(q))}) AS word WHERE instr(${runs.searchName}, word.value) = 0)`,
    sql`substr(${runs.runId}, 1, ${prefix.length}) = ${prefix}`,
  );
}

const join = (parts: SQL[] | ReturnType<typeof sql.identifier>[]): SQL =>
  sql.join(
    parts.map((part) => sql`${part}`),
    sql`, `,
  );

function reportDamage(runId: string, reason: string): void {
  logSkipped("run_row", { run_id: runId, reason });
}
