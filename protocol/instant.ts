/** RFC 3339 §5.6, `T` and `Z` in either case. */
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const DAY_MS = 86_400_000;
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");
const FIRST_MS = Date.parse("0000-01-01T00:00:00.000Z");

/**
 * Milliseconds since the epoch, cut (not rounded) to the millisecond; null when the text is not RFC 3339, names no real day, or lies outside
 * the years 0000 to 9999 in UTC. The leap second 23:59:60 UTC is the second after it, as in POSIX time.
 */
export function parseInstant(text: string): number | null {
  const match = RFC_3339.exec(text);
  if (match === null) return null;
  const year = Number(match[1]);
  const month = Number(match[2]);
  const day = Number(match[3]);
  const hour = Number(match[4]);
  const minute = Number(match[5]);
  const second = Number(match[6]);
  if (hour > 23 || minute > 59 || second > 60) return null;

  const date = new Date(0);
  // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  // A day that its month does not have has rolled over into another month.
  if (date.getUTCMonth() !== month - 1) return null;

  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  if (offsetHours > 23 || offsetMinutes > 59) return null;
  const offsetMs = (match[8] === "-" ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * 60_000;
  const minuteMs = date.getTime() + (hour * 60 + minute) * 60_000 - offsetMs;
  if (second === 60 && ((minuteMs % DAY_MS) + DAY_MS) % DAY_MS !== DAY_MS - 60_000) return null;

  const at = minuteMs + second * 1000 + Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  return at >= FIRST_MS && at <= LAST_MS ? at : null;
}
