import { isTerminal } from "../../protocol/event.ts";
import type { EventLog } from "../ports.ts";
import { RunningHash, type HashState } from "../../protocol/running-hash.ts";
import { storedThrough, type RunMemory } from "./run-memory.ts";

const encoder = new TextEncoder();

/** The state with a stored segment's lines added: kept with the segment, so that no append pays for it. [HASH1] */
export function hashedWith(hashed: HashState | null, lines: string): HashState | null {
  if (hashed === null) return null;
  const hash = new RunningHash(hashed);
  hash.update(encoder.encode(lines));
  return hash.state();
}

/** SHA-256 of all lines of an ended run, each with its newline; only the hot ones are read for it. Null while the run is open. [HASH1] */
export function endSha256(log: EventLog, memory: RunMemory): string | null {
  if (!isTerminal(memory.state.status) || memory.hashed === null) return null;
  if (memory.sha256 === null) {
    const hash = new RunningHash(memory.hashed);
    for (const row of log.batchesAfter(storedThrough(memory))) hash.update(encoder.encode(row.lines));
    memory.sha256 = hash.hex();
  }
  return memory.sha256;
}
