import type { Bench, Measured, Row } from "../figure.ts";
import { median } from "../load/quantile.ts";
import type { Usage } from "../load/usage.ts";
import { ratioTo, verdictOn } from "./verdict.ts";

/** A figure as a person reads it: each contender's median and range, Runcast's ratio to it, and what load generator and server took. */
export function tableOf(title: string, rows: readonly Row[], { isSmoke }: Bench): string {
  return [`\n## ${title}\n`, ...rows.flatMap((row) => linesOf(isSmoke ? { ...row, targets: [] } : row))].join("\n");
}

function linesOf(row: Row): string[] {
  const { runcast, ...others } = row.by;
  const contenders = Object.entries({ ...(runcast && { runcast }), ...others }).map(([name, measured]) =>
    contenderLine(row, name, measured),
  );
  const targets = (row.targets ?? []).map((target) => {
    const { asked, measured, isMet } = verdictOn(row, target);
    if (Number.isNaN(measured)) return `    not measured: ${asked}`;
    return `    ${isMet ? "met   " : "MISSED"} ${asked}: ${number(measured)}`;
  });
  return [`  ${row.case} (${row.unit})`, ...contenders, ...targets];
}

function contenderLine(row: Row, name: string, { values, usage = [], notes = [] }: Measured): string {
  const parts = [name.padEnd(28)];
  if (values.length > 0) {
    const range = values.length > 1 ? ` (${number(Math.min(...values))} – ${number(Math.max(...values))})` : "";
    parts.push(`${number(median(values)).padStart(12)}${range}`.padEnd(40));
    const ratio = ratioTo(row, name);
    parts.push((name === "runcast" || !Number.isFinite(ratio) ? "" : `runcast ${number(ratio)} ×`).padEnd(18));
  }
  if (usage.length > 0) parts.push(usageText(usage));
  return [`    ${parts.join(" ").trimEnd()}`, ...new Set(notes)].join("\n        ! ");
}

/** In cores: the load generator shares them with what it measures. */
function usageText(usage: readonly Usage[]): string {
  const generator = median(usage.map((used) => used.generator / used.wall));
  const server = usage.flatMap((used) => (used.server === null ? [] : [used.server / used.wall]));
  const serverText = server.length === 0 ? "" : ` · server ${median(server).toFixed(2)} cores`;
  return `load generator ${generator.toFixed(2)}${serverText}`;
}

/** Three digits that count. */
function number(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
