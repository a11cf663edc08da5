import type { ListRunsQuery } from "../../../../client/api.ts";
import type { Run } from "../../../../protocol/api.ts";
import { isTerminal, RUN_STATUSES, type RunStatus } from "../../../../protocol/event.ts";
import { isSeverity, SEVERITIES, type Severity } from "../../../../protocol/severity.ts";

/** What the list shows. The address holds it, so a filtered list can be linked to; the server applies it. */
export type RunsFilter = {
  statuses: readonly RunStatus[];
  text: string;
  workflow: string | null;
  /** `key:value`, all of them. */
  labels: readonly string[];
  since: Since | null;
  /** The worst issue the run has found. */
  severity: Severity | null;
  pinned: boolean;
};
export const EVERYTHING: RunsFilter = {
  statuses: [],
  text: "",
  workflow: null,
  labels: [],
  since: null,
  severity: null,
  pinned: false,
};

const HOUR_MS = 3_600_000;
/** Relative, so that a link to "the last day" stays that. */
export const SINCE_CHOICES = [
  { since: "1h", name: "Last hour", ms: HOUR_MS },
  { since: "24h", name: "Last 24 hours", ms: 24 * HOUR_MS },
  { since: "7d", name: "Last 7 days", ms: 7 * 24 * HOUR_MS },
  { since: "30d", name: "Last 30 days", ms: 30 * 24 * HOUR_MS },
] as const;
export type Since = (typeof SINCE_CHOICES)[number]["since"];

export const ACTIVE_STATUSES = RUN_STATUSES.filter((status) => !isTerminal(status));
export const STATUS_CHOICES = [
  { name: "All", statuses: [] },
  { name: "Active", statuses: ACTIVE_STATUSES },
  { name: "Succeeded", statuses: ["succeeded"] },
  { name: "Failed", statuses: ["failed"] },
  { name: "Cancelled", statuses: ["cancelled"] },
] as const satisfies readonly { name: string; statuses: readonly RunStatus[] }[];
export const SEVERITY_CHOICES = SEVERITIES.toReversed();

/** What an address holds that this page does not know is passed over. */
export function parseFilter(query: URLSearchParams): RunsFilter {
  const asked = new Set(query.getAll("status"));
  const severity = query.get("severity");
  return {
    statuses: RUN_STATUSES.filter((status) => asked.has(status)),
    text: query.get("q") ?? "",
    workflow: query.get("workflow") || null,
    labels: [...new Set(query.getAll("label").filter(isLabel))],
    since: sinceOf(query.get("since")),
    severity: isSeverity(severity) ? severity : null,
    pinned: query.get("pinned") === "true",
  };
}

/** `key:value`, as the server reads it; the value may hold colons, or nothing. */
export const isLabel = (text: string): boolean => /^[^:]+:/.test(text);
export const sinceOf = (text: string | null): Since | null =>
  SINCE_CHOICES.find(({ since }) => since === text)?.since ?? null;

/** `?status=failed&q=web`, or the empty string for everything. */
export function filterToSearch(filter: RunsFilter): `?${string}` | "" {
  const query = new URLSearchParams([
    ...filter.statuses.map((status) => ["status", status]),
    ...filter.labels.map((label) => ["label", label]),
  ]);
  if (filter.workflow !== null) query.set("workflow", filter.workflow);
  if (filter.since !== null) query.set("since", filter.since);
  if (filter.severity !== null) query.set("severity", filter.severity);
  if (filter.pinned) query.set("pinned", "true");
  if (filter.text.trim() !== "") query.set("q", filter.text.trim());
  return query.size === 0 ? "" : `?${query}`;
}

/** The question to the server; `since` becomes the moment it means now. */
export function filterToQuery(filter: RunsFilter, now: number): ListRunsQuery {
  const text = filter.text.trim();
  return {
    status: filter.statuses,
    label: filter.labels,
    ...(text === "" ? {} : { q: text }),
    ...(filter.workflow === null ? {} : { workflow_id: filter.workflow }),
    ...(filter.since === null ? {} : { created_after: new Date(beginOf(filter.since, now)).toISOString() }),
    ...(filter.severity === null ? {} : { max_validation_severity: filter.severity }),
    ...(filter.pinned ? { pinned: true } : {}),
  };
}

const beginOf = (since: Since, now: number): number =>
  now - (SINCE_CHOICES.find((choice) => choice.since === since)?.ms ?? 0);

export const isEverything = (filter: RunsFilter): boolean => filterToSearch(filter) === "";

/** Filters in force besides status and text, which show themselves. */
export const countExtras = ({ workflow, labels, since, severity, pinned }: RunsFilter): number =>
  [workflow, since, severity, pinned ? true : null].filter((part) => part !== null).length + labels.length;

export const hasStatuses = (filter: RunsFilter, statuses: readonly RunStatus[]): boolean =>
  filter.statuses.length === statuses.length && statuses.every((status) => filter.statuses.includes(status));

/** Whether a run told by the socket belongs in the list: the server's own rule, so that it would be there after a reload too. */
export function matchesFilter(run: Run, filter: RunsFilter, now: number): boolean {
  return (
    (filter.statuses.length === 0 || filter.statuses.includes(run.status)) &&
    (filter.workflow === null || run.workflow_id === filter.workflow) &&
    filter.labels.every((label) => hasLabel(run, label)) &&
    (filter.since === null || Date.parse(run.created_at) > beginOf(filter.since, now)) &&
    (filter.severity === null || run.max_validation_severity === filter.severity) &&
    (!filter.pinned || run.pinned) &&
    matchesText(run, filter.text)
  );
}

function hasLabel(run: Run, label: string): boolean {
  const at = label.indexOf(":");
  const key = label.slice(0, at);
  return Object.hasOwn(run.labels, key) && run.labels[key] === label.slice(at + 1);
}

/** All words are in the name, or the whole begins the id. */
function matchesText(run: Run, asked: string): boolean {
  const text = fold(asked.trim());
  if (text === "") return true;
  const name = fold(run.name ?? "");
  return run.run_id.startsWith(text) || text.split(/\s+/).every((word) => name.includes(word));
}

const fold = (text: string): string => text.normalize("NFKC").toLowerCase();
