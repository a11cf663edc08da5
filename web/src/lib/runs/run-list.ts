import type { Run, RunList } from "../../../../protocol/api.ts";
import { isTerminal } from "../../../../protocol/event.ts";

/** The listed runs, newest first, and the new ones that wait because a row must not move under a pointer. */
export type ListedRuns = { rows: readonly Run[]; waiting: readonly Run[]; nextCursor: string | null };

export const NO_RUNS: ListedRuns = { rows: [], waiting: [], nextCursor: null };

export const firstPage = (page: RunList): ListedRuns => ({
  rows: page.items,
  waiting: [],
  nextCursor: page.next_cursor,
});

/** A further page: what the socket has put in meanwhile is not doubled. */
export function addPage(list: ListedRuns, page: RunList): ListedRuns {
  const known = new Set(list.rows.map((run) => run.run_id));
  return {
    ...list,
    rows: [...list.rows, ...page.items.filter((run) => !known.has(run.run_id))],
    nextCursor: page.next_cursor,
  };
}

/** Runs that changed, as the socket tells them. Listed ones change in place; new ones that match come in at the top, or wait while `hold`. */
export function takeChanges(
  list: ListedRuns,
  changes: readonly Run[],
  options: { matches: (run: Run) => boolean; hold: boolean },
): ListedRuns {
  const changedById = new Map(changes.map((run) => [run.run_id, run]));
  const update = (run: Run): Run => {
    const changed = changedById.get(run.run_id);
    changedById.delete(run.run_id);
    return changed !== undefined && isNewer(changed, run) ? changed : run;
  };
  const rows = list.rows.map(update);
  const waiting = list.waiting.map(update);
  const oldest = list.nextCursor === null ? undefined : rows.at(-1);
  // What lies beyond the pages read so far comes with them.
  const fresh = [...changedById.values()].filter(
    (run) => options.matches(run) && (oldest === undefined || byAge(run, oldest) < 0),
  );
  const next = { ...list, rows, waiting: [...fresh, ...waiting].toSorted(byAge) };
  return options.hold ? next : showWaiting(next);
}

export const showWaiting = (list: ListedRuns): ListedRuns =>
  list.waiting.length === 0 ? list : { ...list, rows: [...list.waiting, ...list.rows].toSorted(byAge), waiting: [] };

/** What somebody has edited; where the run is, and what it does, stays. */
export function editRun(
  list: ListedRuns,
  runId: string,
  changes: Partial<Pick<Run, "name" | "labels" | "pinned">>,
): ListedRuns {
  const edit = (run: Run): Run => (run.run_id === runId ? { ...run, ...changes } : run);
  return { ...list, rows: list.rows.map(edit), waiting: list.waiting.map(edit) };
}

export function removeRun(list: ListedRuns, runId: string): ListedRuns {
  const others = (run: Run): boolean => run.run_id !== runId;
  return { ...list, rows: list.rows.filter(others), waiting: list.waiting.filter(others) };
}

/** Newest first; UUIDv7 breaks the tie in the order of making. */
const byAge = (a: Run, b: Run): number =>
  a.created_at === b.created_at ? (a.run_id < b.run_id ? 1 : -1) : a.created_at < b.created_at ? 1 : -1;

/** The list is read from one place and told from another: an older word must not undo a newer one, and an end is final. */
const isNewer = (changed: Run, known: Run): boolean =>
  isTerminal(known.status)
    ? isTerminal(changed.status)
    : isTerminal(changed.status) || changed.last_sequence >= known.last_sequence;
