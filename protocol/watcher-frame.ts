import { PING, watcherCommandSchema, type WatcherCommand } from "./frames.ts";
import { LIMITS } from "./limits.ts";
import { splitLines, utf8Length } from "./ndjson.ts";

export type WatcherFrameRead = { kind: "commands"; commands: WatcherCommand[] } | { kind: "bad"; reason: string };

/** What a watcher sent: one command a line. One bad line makes the whole frame bad, and its socket is closed with 4400. */
export function readWatcherFrame(frame: unknown): WatcherFrameRead {
  if (typeof frame !== "string") return { kind: "bad", reason: "frames are text" };
  if (frame.length > LIMITS.watcherFrameBytes || utf8Length(frame) > LIMITS.watcherFrameBytes) {
    return { kind: "bad", reason: "a frame is at most 4 KiB" };
  }
  const commands: WatcherCommand[] = [];
  for (const line of splitLines(frame)) {
    if (line === PING) continue;
    const command = watcherCommandSchema.safeParse(parseJson(line));
    if (!command.success) return { kind: "bad", reason: "a watcher sends ack, view or ping" };
    commands.push(command.data);
  }
  return frame === "" ? { kind: "bad", reason: "the frame is empty" } : { kind: "commands", commands };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema says what was expected instead.
    return undefined;
  }
}
