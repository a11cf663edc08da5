import type { RunQuery, StoredRun } from "../core/ports.ts";

/** What a list of runs shows, as a pure predicate: the memory index uses it, and D1's SQL is tested against it. */

/** Text as the `q` filter compares it: compatibility forms and case folded. */
export const foldText = (text: string): string => text.normalize("NFKC").toLowerCase();

export const wordsOf = (q: string): string[] => foldText(q).split(/\s+/).filter(Boolean);

/** Whether the run passes every filter of the query. Paging (`limit`, `cursor`) is not a filter. */
export function matchesQuery(run: StoredRun, query: RunQuery): boolean {
  return (
    run.workspace_id === query.workspaceId &&
    (query.statuses === undefined || query.statuses.includes(run.status)) &&
    (query.workflowId === undefined || run.workflow_id === query.workflowId) &&
    (query.pinned === undefined || run.pinned === query.pinned) &&
    (query.stale === undefined || run.stale === query.stale) &&
    (query.createdAfter === undefined || run.created_at > query.createdAfter) &&
    (query.createdBefore === undefined || run.created_at < query.createdBefore) &&
    (query.maxValidationSeverity === undefined || run.max_validation_severity === query.maxValidationSeverity) &&
    (query.labels ?? []).every(({ key, value }) => Object.hasOwn(run.labels, key) && run.labels[key] === value) &&
    (query.q === undefined || matchesText(run, query.q))
  );
}

/** Every word is somewhere in the name (so a prefix of the name matches), or the whole text begins the id. */
function matchesText(run: StoredRun, q: string): boolean {
  const name = foldText(run.name ?? "");
  return wordsOf(q).every((word) => name.includes(word)) || run.run_id.startsWith(q.trim().toLowerCase());
}

/** Where a page ended. */
export type RunPosition = { createdAt: string; runId: string };

/** Newest first; runs of the same millisecond by id, so that the order is total and a cursor is stable. */
export const isAfter = (run: Pick<StoredRun, "created_at" | "run_id">, position: RunPosition): boolean =>
  run.created_at < position.createdAt || (run.created_at === position.createdAt && run.run_id < position.runId);

/** Opaque to clients: it names the last run of the page, not a row number, so new runs never shift a page. */
export const encodeCursor = (position: RunPosition): string =>
  btoa(`${position.createdAt} ${position.runId}`).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** null when it is not a cursor of ours. */
export function decodeCursor(cursor: string): RunPosition | null {
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(cursor)) return null;
  let text: string;
  try {
    text = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    // Base64 of an impossible length: the client made it up.
    return null;
  }
  const found = /^(\S+) (\S+)$/.exec(text);
  const [, createdAt, runId] = found ?? [];
  return createdAt === undefined || runId === undefined ? null : { createdAt, runId };
}
