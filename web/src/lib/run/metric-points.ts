import type { RunEvent } from "../../../../protocol/event.ts";
import { numberOr, textOr } from "../../../../protocol/lenient.ts";

/** More points than pixels say nothing more. */
const MOST_POINTS = 120;

/** The recorded values by metric, in the order of the log. */
export function pointsByMetric(events: readonly RunEvent[]): Map<string, number[]> {
  const points = new Map<string, number[]>();
  for (const { type, payload } of events) {
    const name = textOr(payload["name"], null);
    const value = numberOr(payload["value"], null);
    if (type !== "metric.recorded" || name === null || value === null) continue;
    const values = points.get(name);
    if (values === undefined) points.set(name, [value]);
    else values.push(value);
  }
  return points;
}

/** An SVG path through the values in a box; a value that never changes is a line through its middle. Null: one value is no line. */
export function sparkline(values: readonly number[], box: { width: number; height: number }): string | null {
  const shown = thin(values);
  if (shown.length < 2) return null;
  const low = Math.min(...shown);
  const high = Math.max(...shown);
  const x = (at: number): number => (at / (shown.length - 1)) * box.width;
  const y = (value: number): number =>
    high === low ? box.height / 2 : box.height - ((value - low) / (high - low)) * box.height;
  return `M${shown.map((value, at) => `${round(x(at))} ${round(y(value))}`).join("L")}`;
}

/** Every n-th value and the last one. */
function thin(values: readonly number[]): number[] {
  const step = Math.ceil(values.length / MOST_POINTS);
  return values.filter((_, at) => at % step === 0 || at === values.length - 1);
}

const round = (px: number): number => Math.round(px * 100) / 100;
