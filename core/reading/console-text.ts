import { LOG_LEVELS, type LogLevel } from "../../protocol/event.ts";
import { parseLine } from "../../protocol/ndjson.ts";

// The escape sequences a terminal swallows: CSI (colours, cursor), OSC (titles, links; ended by BEL or ST), and single-character ones.
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for.
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
const stripAnsi = (text: string): string => text.replaceAll(ANSI, "");

/** What an event says on the console. */
export type ConsoleText = {
  text: string;
  /** The next one continues this line. */
  isPartial: boolean;
  createdAt: string;
  /** What its producer says, else what its stream does. */
  level: LogLevel;
};

/**
 * The text of a stored line, null when it is no `console.line`. What is shown, exported and searched is this and nothing else: half a character is U+FFFD
 * already here, so that it does not depend on what its neighbour is. [SRCH1]
 */
export function consoleText(line: string, options: { stripAnsi: boolean }): ConsoleText | null {
  const event = parseLine(line);
  if (event?.type !== "console.line") return null;
  const { message, partial, level, stream } = event.payload;
  const raw = typeof message === "string" ? message.toWellFormed() : "";
  const text = options.stripAnsi ? stripAnsi(raw) : raw;
  return {
    text,
    isPartial: partial === true,
    createdAt: event.created_at,
    level: LOG_LEVELS.find((one) => one === level) ?? (stream === "stderr" ? "error" : "info"),
  };
}
