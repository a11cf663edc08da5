import type { Row, Target } from "../figure.ts";
import { median } from "../load/quantile.ts";

/** Runcast to a peer, the median of the rounds, each in its own: what slowed one round down slowed both. */
export function ratioTo(row: Row, peer: string): number {
  const own = row.by["runcast"]?.values ?? [];
  const theirs = row.by[peer]?.values ?? [];
  return median(own.flatMap((value, round) => (theirs[round] === undefined ? [] : [value / theirs[round]])));
}

/** How a row stands to what was asked of it. */
export function verdictOn(row: Row, target: Target): { asked: string; measured: number; isMet: boolean } {
  const sign = row.better === "more" ? "≥" : "≤";
  const asked = "value" in target ? `${sign} ${target.value} ${row.unit}` : `${sign} ${target.factor} × ${target.peer}`;
  const measured = "value" in target ? median(row.by["runcast"]?.values ?? []) : ratioTo(row, target.peer);
  const limit = "value" in target ? target.value : target.factor;
  return { asked, measured, isMet: row.better === "more" ? measured >= limit : measured <= limit };
}
