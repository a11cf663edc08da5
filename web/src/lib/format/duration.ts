const SECOND_MS = 1000;
const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

const two = (n: number): string => String(n).padStart(2, "0");

/**
 * A span of time as a clock reads it: `0:07`, `3:12`, `1:04:09`, `2d 03:04`. Whole seconds, rounded down, so that a ticking
 * value never shows a second that has not passed. Negative spans (a clock that is ahead) read `0:00`.
 */
export function formatClock(spanMs: number): string {
  const seconds = Math.max(0, Math.floor(spanMs / SECOND_MS));
  const s = seconds % MINUTE_S;
  const m = Math.floor(seconds / MINUTE_S) % 60;
  const h = Math.floor(seconds / HOUR_S);
  if (seconds >= DAY_S) return `${Math.floor(seconds / DAY_S)}d ${two(h % 24)}:${two(m)}`;
  if (h > 0) return `${h}:${two(m)}:${two(s)}`;
  return `${m}:${two(s)}`;
}

/** A measured span in words, for what has ended: `84 ms`, `1.2 s`, `42 s`, `3m 12s`, `1h 04m`. */
export function formatSpan(spanMs: number): string {
  if (spanMs < SECOND_MS) return `${Math.max(0, Math.round(spanMs))} ms`;
  if (spanMs < 10 * SECOND_MS) return `${(Math.floor(spanMs / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(spanMs / SECOND_MS);
  if (seconds < MINUTE_S) return `${seconds} s`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)}m ${two(seconds % MINUTE_S)}s`;
  if (seconds < DAY_S) return `${Math.floor(seconds / HOUR_S)}h ${two(Math.floor(seconds / MINUTE_S) % 60)}m`;
  return `${Math.floor(seconds / DAY_S)}d ${two(Math.floor(seconds / HOUR_S) % 24)}h`;
}
