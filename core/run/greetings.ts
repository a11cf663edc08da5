import { isTerminal, type RunStatus, type TerminalStatus } from "../../protocol/event.ts";
import type { Refusal } from "../../protocol/error-code.ts";
import type { RunMemory } from "./run-memory.ts";
import { admit, expectedSequence } from "./sequencer.ts";

/** The first frame of a watcher's socket. */
export const helloWatcher = (
  run: { runId: string; status: RunStatus; lastSequence: number },
  watcherId: string,
): string =>
  JSON.stringify({
    op: "hello",
    run_id: run.runId,
    status: run.status,
    last_sequence: run.lastSequence,
    watcher_id: watcherId,
  });

/** What a watcher and a reader of server-sent events are told after the last line. */
export type RunEnding = { status: TerminalStatus; lastSequence: number; sha256: string | null };

export const endData = ({ status, lastSequence, sha256 }: RunEnding): Record<string, unknown> => ({
  status,
  last_sequence: lastSequence,
  sha256,
});

export type ProducerGreeting =
  | { kind: "greeted"; workspaceId: string; frames: string[] }
  | { kind: "refused"; refusal: Refusal };

/** The first frames of a produce socket: hello, then the requests nobody has acknowledged yet. */
export function greetProducer({ identity, state, producers }: RunMemory, id: string, epoch: number): ProducerGreeting {
  if (isTerminal(state.status)) {
    return {
      kind: "refused",
      refusal: { code: "RUN_ENDED", detail: `The run has ${state.status}; its log is closed.` },
    };
  }
  const expected = expectedSequence(producers, id, epoch);
  const admission = admit(producers, { id, epoch, sequence: expected });
  if (admission.kind === "rejected") return { kind: "refused", refusal: admission.refusal };
  const hello = { op: "hello", run_id: identity.runId, status: state.status, expected };
  const control = state.control.map((request) => JSON.stringify({ op: "control", ...request }));
  return { kind: "greeted", workspaceId: identity.workspaceId, frames: [JSON.stringify(hello), ...control] };
}
