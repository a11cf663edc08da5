import type { IndexedRun, RunIndex, RunQuery, RunStats } from "../core/ports.ts";
import type { Details } from "../core/run/edits.ts";
import { LIMITS } from "../protocol/limits.ts";
import { utf8Length } from "../protocol/ndjson.ts";
import { decodeCursor, encodeCursor, isAfter, matchesQuery } from "./run-filter.ts";
import { statsOf } from "./run-stats.ts";

/** The index in memory: for tests, and for one process that keeps nothing. */
export class MemoryRunIndex implements RunIndex {
  readonly #rowsByRun = new Map<string, IndexedRun>();
  readonly #deleted = new Set<string>();

  upsert(row: IndexedRun): Promise<void> {
    const known = this.#rowsByRun.get(row.run.run_id);
    const isNewer = known === undefined || row.revision > known.revision;
    // A run's last write may arrive after it was deleted; it must stay deleted.
    if (isNewer && !this.#deleted.has(row.run.run_id)) this.#rowsByRun.set(row.run.run_id, structuredClone(row));
    return Promise.resolve();
  }

  get(runId: string): Promise<IndexedRun | null> {
    return Promise.resolve(structuredClone(this.#rowsByRun.get(runId) ?? null));
  }

  edit(runId: string, details: Details, revision: number): Promise<boolean> {
    const known = this.#rowsByRun.get(runId);
    if (known?.revision !== revision) return Promise.resolve(false);
    const run = { ...known.run, ...structuredClone(details) };
    this.#rowsByRun.set(runId, { ...known, run, revision: revision + 1 });
    return Promise.resolve(true);
  }

  addOutputPath(runId: string, path: string): Promise<void> {
    const known = this.#rowsByRun.get(runId);
    if (known === undefined || known.run.output_paths.includes(path)) return Promise.resolve();
    const paths = [...known.run.output_paths, path];
    if (utf8Length(JSON.stringify(paths)) <= LIMITS.outputPathsBytes) {
      const run = { ...known.run, output_paths: paths };
      this.#rowsByRun.set(runId, { ...known, run, revision: known.revision + 1 });
    }
    return Promise.resolve();
  }

  setIncomplete(runId: string, isIncomplete: boolean): Promise<boolean> {
    const known = this.#rowsByRun.get(runId);
    if (known === undefined || known.run.incomplete === isIncomplete) return Promise.resolve(false);
    const run = { ...known.run, incomplete: isIncomplete };
    this.#rowsByRun.set(runId, { ...known, run, revision: known.revision + 1 });
    return Promise.resolve(true);
  }

  list(query: RunQuery): Promise<{ items: IndexedRun[]; nextCursor: string | null; skipped: number }> {
    const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
    const found = [...this.#rowsByRun.values()]
      .filter(({ run }) => matchesQuery(run, query) && (after === null || isAfter(run, after)))
      .sort((a, b) => (isAfter(a.run, { createdAt: b.run.created_at, runId: b.run.run_id }) ? 1 : -1));
    const items = found.slice(0, query.limit).map((row) => ({ ...structuredClone(row), summary: null }));
    const last = items.at(-1);
    const nextCursor =
      found.length > query.limit && last !== undefined
        ? encodeCursor({ createdAt: last.run.created_at, runId: last.run.run_id })
        : null;
    return Promise.resolve({ items, nextCursor, skipped: 0 });
  }

  stats(workspaceId: string, days: readonly string[]): Promise<RunStats> {
    const rows = [...this.#rowsByRun.values()].filter(({ run }) => run.workspace_id === workspaceId);
    return Promise.resolve(statsOf(rows, days));
  }

  delete(runId: string): Promise<void> {
    this.#rowsByRun.delete(runId);
    this.#deleted.add(runId);
    return Promise.resolve();
  }
}
