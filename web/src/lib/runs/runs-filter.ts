import type { Run } from "../../../../protocol/api.ts";
import { isTerminal, RUN_STATUSES, type RunStatus } from "../../../../protocol/event.ts";

/** What the list shows. The address holds it, so a filtered list can be linked to; the server applies it. */
export type RunsFilter = { statuses: readonly RunStatus[]; text: string };

export const ACTIVE_STATUSES = RUN_STATUSES.filter((status) => !isTerminal(status));

export const STATUS_CHOICES = [
  { name: "All", statuses: [] },
  { name: "Active", statuses: ACTIVE_STATUSES },
  { name: "Succeeded", statuses: ["succeeded"] },
  { name: "Failed", statuses: ["failed"] },
  { name: "Cancelled", statuses: ["cancelled"] },
] as const satisfies readonly { name: string; statuses: readonly RunStatus[] }[];

/** Unknown statuses in an address are passed over. */
export function parseFilter(query: URLSearchParams): RunsFilter {
  const asked = new Set(query.getAll("status"));
  return { statuses: RUN_STATUSES.filter((status) => asked.has(status)), text: query.get("q") ?? "" };
}

/** `?status=failed&q=web`, or the empty string for everything. */
export function filterToSearch(filter: RunsFilter): `?${string}` | "" {
  const query = new URLSearchParams(filter.statuses.map((status) => ["status", status]));
  if (filter.text.trim() !== "") query.set("q", filter.text.trim());
  return query.size === 0 ? "" : `?${query}`;
}

export const isEverything = (filter: RunsFilter): boolean => filter.statuses.length === 0 && filter.text.trim() === "";

export const hasStatuses = (filter: RunsFilter, statuses: readonly RunStatus[]): boolean =>
  filter.statuses.length === statuses.length && statuses.every((status) => filter.statuses.includes(status));

/** Whether a run told by the socket belongs in the list; the server's own rule for text: prefix of name or id, or all words. */
export function matchesFilter(run: Run, filter: RunsFilter): boolean {
  if (filter.statuses.length > 0 && !filter.statuses.includes(run.status)) return false;
  const text = filter.text.trim().toLowerCase();
  if (text === "") return true;
  const name = (run.name ?? "").toLowerCase();
  return name.startsWith(text) || run.run_id.startsWith(text) || text.split(/\s+/).every((word) => name.includes(word));
}
