import { encodeEvent } from "../producer-event.ts";
import type { ProducerEvent } from "../producer-event.ts";

/** `source` of what the command line writes. */
export const SOURCE = "cli";

/** What became of a command's lines, and of how many. */
export type Loss = {
  /** `kept` on disk; `put_off`: kept as well, because the server does not take them for now. */
  kind: "delivered" | "refused" | "unreached" | "kept" | "put_off";
  lost: number;
  kept: number;
};

/** For whoever started the command; null when there is nothing to say. */
export function lossInWords({ kind, lost, kept }: Loss, url: string): string | null {
  switch (kind) {
    case "delivered":
      return lost > 0 ? `${countLines(lost)} missing from the log.` : null;
    case "refused":
      return lost > 0 ? `${countLines(lost)} not delivered.` : null;
    case "unreached":
      return `${url} could not be reached in time: ${countLines(lost)} not delivered.`;
    case "kept":
    case "put_off": {
      const why = kind === "put_off" ? `${url} does not take them` : `${url} could not be reached in time`;
      const rest = lost > 0 ? ` ${countLines(lost)} lost.` : "";
      return `${why}: ${countLines(kept)} not delivered, and kept. To deliver them: runcast resume.${rest}`;
    }
  }
}

export const fullInWords = (bytes: number): string =>
  `${formatBytes(bytes)} wait for the server and no more is kept: the command goes on, and its lines from here on are missing in the log. RUNCAST_SPOOL_BYTES allows more.`;

/** The log itself says where something is missing: to who reads it, and to who looks for what is wrong. */
export function gapEvents(lines: number, why = "the server could not be reached for too long"): ProducerEvent[] {
  if (lines === 0) return [];
  const message = `${countLines(lines)} missing here: ${why}`;
  return [
    consoleEvent("stderr", `[runcast] ${message}`, "warning"),
    { type: "run.validation.issue", payload: { severity: "error", code: "LINES_MISSING", message } },
  ];
}

/** The same for lines that were kept, and could not be read back. */
export const unreadableLines = (lines: number): string[] =>
  gapEvents(lines, "they could not be read back from the disk").map((event) => encodeEvent(event, SOURCE));

export const consoleEvent = (stream: "stdout" | "stderr", message: string, level?: "warning"): ProducerEvent => ({
  type: "console.line",
  payload: { stream, message, ...(level === undefined ? {} : { level }) },
});

export const countLines = (count: number): string => (count === 1 ? "1 line is" : `${count} lines are`);

const formatBytes = (bytes: number): string =>
  bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KiB` : `${Math.round(bytes / 1024 / 1024)} MiB`;
