import { z } from "zod";
import type { RunLoad, StoredRun } from "../core/ports.ts";
import { isTerminal } from "../protocol/event.ts";
import { errorText, logSkipped } from "./server-log.ts";
import { storedRunSchema } from "./stored-run.ts";

/** `load` is null until the run has told it; it is in memory alone. */
export type LiveRun = { run: StoredRun; revision: number; load: RunLoad | null };

export type Change =
  /** Older than what is known: said again, or overtaken. */
  | { kind: "stale" }
  /** What the list shows is as it was. */
  | { kind: "unchanged" }
  /** Only numbers moved: progress, positions, sizes. */
  | { kind: "progressed" }
  | { kind: "changed" };

/** Ended runs whose revision is remembered, so that a late word of one cannot open it again. */
const REMEMBERED_ENDS = 1_000;

const rowSchema = z.object({ run_id: z.string(), revision: z.int(), run: z.string() });

/**
 * The open runs of a workspace, as the live list shows them. A row an open run in the object's storage, written when its state changes; what moves
 * all the time (progress, positions) is in memory only, and is there again with the run's next word.
 */
export class SqliteLiveRuns {
  readonly #sql: SqlStorage;
  readonly #runsById = new Map<string, LiveRun>();
  readonly #endsById = new Map<string, number>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS live_runs (
        run_id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        -- NULL once the run has ended: the row is then the memory of its last revision.
        run TEXT
      )`,
    );
    for (const { run_id, revision } of sql.exec<{ run_id: string; revision: number }>(
      "SELECT run_id, revision FROM live_runs WHERE run IS NULL ORDER BY rowid",
    )) {
      this.#endsById.set(run_id, revision);
    }
    for (const row of sql.exec("SELECT run_id, revision, run FROM live_runs WHERE run IS NOT NULL")) this.#load(row);
  }

  /** Takes in how a run stands, and says what that means to those who look on. */
  put(run: StoredRun, revision: number, load: RunLoad | null = null): Change {
    const ended = this.#endsById.get(run.run_id);
    if (ended !== undefined && revision <= ended) return { kind: "stale" };
    const known = this.#runsById.get(run.run_id);
    if (known !== undefined && isOlder({ run, revision }, known)) return { kind: "stale" };

    if (isTerminal(run.status)) {
      this.#end(run.run_id, revision);
      return { kind: "changed" };
    }
    this.#runsById.set(run.run_id, { run, revision, load: load ?? known?.load ?? null });
    if (known !== undefined && stateOf(known.run) === stateOf(run)) {
      const isSameLine = known.revision === revision && known.run.last_sequence === run.last_sequence;
      return { kind: isSameLine ? "unchanged" : "progressed" };
    }
    this.#sql.exec(
      "INSERT INTO live_runs (run_id, revision, run) VALUES (?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET revision = excluded.revision, run = excluded.run",
      run.run_id,
      revision,
      JSON.stringify(run),
    );
    return { kind: "changed" };
  }

  /** The run was deleted; whatever is still said of it is stale. */
  remove(runId: string): void {
    this.#end(runId, Number.MAX_SAFE_INTEGER);
  }

  /** Open runs, oldest first. */
  all(): LiveRun[] {
    return [...this.#runsById.values()].sort((a, b) => (a.run.created_at < b.run.created_at ? -1 : 1));
  }

  get(runId: string): LiveRun | null {
    return this.#runsById.get(runId) ?? null;
  }

  #end(runId: string, revision: number): void {
    this.#runsById.delete(runId);
    this.#endsById.delete(runId);
    this.#endsById.set(runId, revision);
    // A new row, not an update: rows are remembered in the order in which runs ended.
    this.#sql.exec("INSERT OR REPLACE INTO live_runs (run_id, revision, run) VALUES (?, ?, NULL)", runId, revision);
    const [oldest] = this.#endsById.keys();
    if (this.#endsById.size > REMEMBERED_ENDS && oldest !== undefined) {
      this.#endsById.delete(oldest);
      this.#sql.exec("DELETE FROM live_runs WHERE run_id = ?", oldest);
    }
  }

  #load(row: Record<string, SqlStorageValue>): void {
    try {
      const { revision, run } = rowSchema.parse(row);
      const stored = storedRunSchema.parse(JSON.parse(run));
      this.#runsById.set(stored.run_id, { run: stored, revision, load: null });
    } catch (error) {
      // The run itself is whole, in its own object: its next word brings it back here.
      logSkipped("live_run_row", {
        run_id: row["run_id"],
        error: errorText(error),
      });
    }
  }
}

/** The revision moves with the state; between two of them the head tells which word is the later. */
const isOlder = (word: Omit<LiveRun, "load">, known: LiveRun): boolean =>
  word.revision < known.revision ||
  (word.revision === known.revision && word.run.last_sequence < known.run.last_sequence);

/** What of a run is worth a write and an immediate word: everything but what moves with every batch, and the parameters, which never change. */
function stateOf(run: StoredRun): string {
  const {
    progress: _progress,
    last_sequence: _lastSequence,
    event_bytes: _eventBytes,
    parameters: _parameters,
    ...state
  } = run;
  return JSON.stringify(state);
}
