import type { Run } from "../../../../protocol/api.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const UNIT_MS = { h: 60 * 60 * 1000, m: 60 * 1000, s: 1000 } as const;

/**
 * A moment of a run as one writes it: a date with a time, a time of day (the first after the run began), or how long after that (`+90s`,
 * `+1h30m`, `+2:05`). Null for anything else.
 */
export function askedMoment(
  query: string,
  { started_at, created_at }: Pick<Run, "started_at" | "created_at">,
): string | null {
  const begin = Date.parse(started_at ?? created_at);
  const text = query.trim();
  const at = dateIn(text) ?? timeOfDayIn(text, begin) ?? spanAfter(text, begin);
  return at === null || Number.isNaN(at) ? null : new Date(at).toISOString();
}

const dateIn = (text: string): number | null =>
  /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text) ? Date.parse(text.replace(" ", "T")) : null;

function timeOfDayIn(text: string, begin: number): number | null {
  const time = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3}))?)?$/.exec(text);
  if (time === null) return null;
  const [, hours, minutes, seconds = "0", fraction = "0"] = time;
  const at = new Date(begin).setHours(Number(hours), Number(minutes), Number(seconds), Number(fraction.padEnd(3, "0")));
  // Whoever names the minute in which it began means that minute, and not the day after.
  return at < begin - UNIT_MS.m ? at + DAY_MS : at;
}

function spanAfter(text: string, begin: number): number | null {
  const clock = /^\+(?:(\d{1,4}):)?(\d{1,4}):([0-5]\d)$/.exec(text);
  if (clock !== null) {
    const [, hours = "0", minutes, seconds] = clock;
    return begin + Number(hours) * UNIT_MS.h + Number(minutes) * UNIT_MS.m + Number(seconds) * UNIT_MS.s;
  }
  if (!/^\+(?:\d{1,6}[hms])+$/.test(text)) return null;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([hms])/g)) {
    if (unit === "h" || unit === "m" || unit === "s") ms += Number(count) * UNIT_MS[unit];
  }
  return begin + ms;
}
