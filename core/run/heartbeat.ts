import { isTerminal } from "../../protocol/event.ts";
import type { HeartbeatOutcome } from "./commands.ts";
import type { LogKeeper } from "./log-keeper.ts";
import type { RunMemory } from "./run-memory.ts";

/** A sign of life without lines. [LEASE1] */
export function takeHeartbeat(log: LogKeeper, memory: RunMemory): HeartbeatOutcome {
  const { status, control } = memory.state;
  if (isTerminal(status)) return { kind: "refused", refusal: { code: "RUN_ENDED", detail: `The run has ${status}.` } };
  log.heard(memory);
  return { kind: "heard", control };
}
