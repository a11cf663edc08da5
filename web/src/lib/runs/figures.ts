import type { Stats } from "../../../../protocol/api.ts";
import { formatSpan } from "../format/duration.ts";
import { formatCount } from "../format/number.ts";

/** What cannot be known yet: no answer, or no run that has ended. */
const UNKNOWN = "–";

export type Figure = { name: string; value: string; title: string };

/** The quiet line above the list, of all runs of the workspace. */
export function figuresOf(stats: Stats | null): Figure[] {
  const span = (ms: number | null | undefined): string => (ms == null ? UNKNOWN : formatSpan(ms));
  return [
    {
      name: "active",
      value: stats === null ? UNKNOWN : formatCount(stats.active),
      title: "Queued, building or running",
    },
    { name: "ok", value: formatRate(stats?.success_rate ?? null), title: "Of all ended runs, those that succeeded" },
    { name: "p50", value: span(stats?.duration_ms.p50), title: "Half of all ended runs took no longer" },
    { name: "p95", value: span(stats?.duration_ms.p95), title: "19 of 20 ended runs took no longer" },
  ];
}

/** One digit behind the point; never 100 % while one failed. */
function formatRate(rate: number | null): string {
  if (rate === null) return UNKNOWN;
  if (rate === 0 || rate === 1) return `${100 * rate} %`;
  return `${Math.min(99.9, Math.max(0.1, 100 * rate)).toFixed(1)} %`;
}

export type DayBar = { day: string; count: number; share: number };

/** Runs per day as shares of the busiest; a day with runs is never invisible. */
export function dayBars(days: Stats["runs_per_day"]): DayBar[] {
  const most = Math.max(1, ...days.map(({ count }) => count));
  return days.map(({ day, count }) => ({ day, count, share: count === 0 ? 0 : Math.max(0.12, count / most) }));
}
