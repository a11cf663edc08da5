import type { Summary } from "../../../../protocol/summary.ts";

export const TABS = ["console", "steps", "metrics", "issues", "artifacts", "summary"] as const;
export const TAB_NAMES = {
  console: "Console",
  steps: "Steps",
  metrics: "Metrics",
  issues: "Issues",
  artifacts: "Artifacts",
  summary: "Summary",
} as const satisfies Record<Tab, string>;
export type Tab = (typeof TABS)[number];

/** What an address asks for; what it does not know is the console. `details` is what the summary's other half was once called. */
export function parseTab(query: { get(name: string): string | null }): Tab {
  const asked = query.get("view");
  return asked === "details" ? "summary" : (TABS.find((tab) => tab === asked) ?? "console");
}

/** The console is the page itself: a link to a line stays short. */
export const tabHref = (runId: string, tab: Tab): `/runs/${string}` =>
  tab === "console" ? `/runs/${runId}` : `/runs/${runId}?view=${tab}`;

/** How many there are behind a tab; null: it has no number, or it is not known. */
export function tabCount(tab: Tab, head: number, summary: Summary | null): number | null {
  if (tab === "console") return head;
  if (summary === null || tab === "summary") return null;
  switch (tab) {
    case "steps":
      return summary.steps.items.length + summary.steps.more;
    case "metrics":
      return summary.metrics.items.length + summary.metrics.more;
    case "issues":
      return summary.issues.count;
    case "artifacts":
      return summary.artifacts.items.length + summary.artifacts.more;
  }
}
