import type { EventLog, RunPorts, Segment, SegmentKey } from "../ports.ts";
import { latestTime } from "../index/line-times.ts";
import { hashedWith } from "./log-hash.ts";
import { checkpointOf, type RunMemory } from "./run-memory.ts";

const encoder = new TextEncoder();

type SegmentPorts = Pick<RunPorts, "log" | "archive" | "report">;

/** Puts a planned segment, and drops its lines from the object once it is known to be there. `current`: the run as it is when it is asked. [ARC1] */
export async function putSegment(
  ports: SegmentPorts,
  current: () => RunMemory | null,
  memory: RunMemory,
  key: SegmentKey,
): Promise<void> {
  const { archive, log } = ports;
  const lines = collectLines(log, key);
  const put = await archive.putSegment(memory.identity, key, lines);
  const isCurrent = (): boolean => current() === memory;
  const sha256 = put.kind === "stored" ? put.sha256 : await replace(ports, isCurrent, memory, key, lines, put.etag);
  // The run may have been erased or recalled while R2 worked: what is written down now must be about the run as it is.
  const now = current();
  const at = now?.segments.findIndex((segment) => segment.firstSequence === key.firstSequence) ?? -1;
  const segment = now?.segments[at];
  if (now === null || segment === undefined) return;
  const stored: Segment = { ...segment, sha256, latestAt: latestTime(encoder.encode(lines), now.ahead) };
  const hashed = hashedWith(now.hashed, lines);
  log.transaction(() => {
    log.putSegment(stored);
    log.putCheckpoint({ ...checkpointOf(now), hashed });
    log.dropThrough(stored.lastSequence);
  });
  now.segments[at] = stored;
  now.hashed = hashed;
  now.hotBytes -= stored.bytes;
  now.oldestHotAt = firstOf(log.rowsAfter(stored.lastSequence))?.receivedAt ?? null;
}

/**
 * Something else lies where the segment is to be: these lines are stored nowhere else yet, so it gives way. It is written down first, and what goes
 * to R2 waits until that is durable: an object whose storage is another's by now cannot undo what that has put there. [ARC7]
 */
async function replace(
  { archive, log, report }: SegmentPorts,
  isCurrent: () => boolean,
  memory: RunMemory,
  key: SegmentKey,
  lines: string,
  etag: string,
): Promise<string> {
  const planned = memory.segments.at(-1);
  if (!isCurrent() || planned === undefined) throw new Error("the run has changed meanwhile");
  log.putSegment(planned);
  const { firstSequence: first, lastSequence: last } = key;
  report("segment_replaced", { workspace_id: memory.identity.workspaceId, first, last, etag });
  const replaced = await archive.replaceSegment(memory.identity, key, lines, etag);
  if (replaced.kind === "stored") return replaced.sha256;
  throw new Error(`what lies where the segment ${first}-${last} is to be has changed meanwhile`);
}

/** The lines of a planned segment, from the rows that it covers whole. */
function collectLines(log: EventLog, key: SegmentKey): string {
  let lines = "";
  for (const row of log.batchesAfter(key.firstSequence - 1)) {
    if (row.lastSequence > key.lastSequence) break;
    lines += row.lines;
  }
  return lines;
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}
