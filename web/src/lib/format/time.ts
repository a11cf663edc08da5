const STEPS: readonly (readonly [limitS: number, unitS: number, name: string])[] = [
  [60 * 60, 60, "m"],
  [24 * 60 * 60, 60 * 60, "h"],
  [7 * 24 * 60 * 60, 24 * 60 * 60, "d"],
];

/** How long ago, short enough for a column: `now`, `5m ago`, `2h ago`, `3d ago`, then the date `14 Nov`, with the year if it is another. */
export function formatAgo(at: number, now: number): string {
  const seconds = Math.floor((now - at) / 1000);
  if (seconds < 60) return "now";
  for (const [limit, unit, name] of STEPS) if (seconds < limit) return `${Math.floor(seconds / unit)}${name} ago`;
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return new Date(at).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    ...(sameYear ? {} : { year: "numeric" }),
  });
}

/** A moment in full, in the reader's own time zone: `21 Nov 2026, 03:30:00.123`. */
export function formatMoment(at: number): string {
  const date = new Date(at);
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  const time = date.toLocaleTimeString("en-GB", { hour12: false });
  return `${day}, ${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
