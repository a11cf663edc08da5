import { formatClock } from "../format/duration.ts";

export const TIME_MODES = ["off", "relative", "absolute", "delta"] as const;
/** What stands beside each line: nothing, the time since the run began, the time of day, or the time since the line before. */
export type TimeMode = (typeof TIME_MODES)[number];
export const TIME_WORDS = {
  off: "No times",
  relative: "From the start",
  absolute: "Time of day",
  delta: "Between lines",
} as const satisfies Record<TimeMode, string>;

/** Columns it takes, the space behind it included. */
export const TIME_COLUMNS = { off: 0, relative: 13, absolute: 13, delta: 11 } as const satisfies Record<
  TimeMode,
  number
>;

const millis = (ms: number): string => String(Math.floor(Math.abs(ms)) % 1000).padStart(3, "0");
const signed = (ms: number): string => `${ms < 0 ? "-" : "+"}${formatClock(Math.abs(ms))}.${millis(ms)}`;

/** Empty where it is not known. A producer's clock may go back: then the time since the line before is negative, and says so. */
export function timeBeside(mode: TimeMode, at: number, known: { start: number | null; before: number | null }): string {
  switch (mode) {
    case "off":
      return "";
    case "absolute":
      return `${new Date(at).toLocaleTimeString("en-GB", { hour12: false })}.${millis(at)}`;
    case "relative":
      return known.start === null ? "" : signed(at - known.start);
    case "delta":
      return known.before === null ? "" : signed(at - known.before);
  }
}
