import type { RunEvent } from "../protocol/event.ts";
import { isRecord, parseLine } from "../protocol/ndjson.ts";

/** One line of the log: the very text the server stores, and what it says. */
export type WatchedLine = { sequence: number; line: string; event: RunEvent };

/** What a frame of `runcast.v1` holds, in its order: neighbouring event lines together, control lines between them. */
export type FrameItem =
  | { kind: "lines"; lines: WatchedLine[] }
  | { kind: "control"; value: unknown }
  | { kind: "unreadable"; reason: string };

/** Ends with the first line that cannot be read: what lies behind it cannot be placed. */
export function readFrame(text: string): FrameItem[] {
  const items: FrameItem[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const event = parseLine(line);
    if (event !== null) {
      const last = items.at(-1);
      const watched = { sequence: event.sequence, line, event };
      if (last?.kind === "lines") last.lines.push(watched);
      else items.push({ kind: "lines", lines: [watched] });
      continue;
    }
    const value = parseControl(line);
    if (value === null) {
      items.push({ kind: "unreadable", reason: `a line could not be read: ${line.slice(0, 80)}` });
      break;
    }
    items.push({ kind: "control", value });
  }
  return items;
}

/** A line with `op`, whichever; null for anything else. */
export function parseControl(line: string): Record<string, unknown> | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Null says it; the caller gives up the connection.
    return null;
  }
  return isRecord(value) && typeof value["op"] === "string" ? value : null;
}
