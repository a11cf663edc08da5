import { LIMITS } from "../../protocol/limits.ts";
import type { Clock, ProducerSockets } from "../ports.ts";
import type { CancelCommand, CancelOutcome } from "./commands.ts";
import { decideCancel, serverCompletion } from "./lifecycle.ts";
import type { LogKeeper } from "./log-keeper.ts";
import { storedRun, type RunMemory } from "./run-memory.ts";

/** Asks the producer to end the run, or ends it. [LIFE5] */
export function cancelRun(
  { clock, producers }: { clock: Clock; producers: ProducerSockets },
  log: LogKeeper,
  memory: RunMemory,
  command: CancelCommand,
): CancelOutcome {
  const decision = decideCancel({
    status: memory.state.status,
    force: command.force,
    producerPresent: producers.all().length > 0 || clock.now() - (memory.heardAt ?? 0) < LIMITS.producerSilenceMs,
    asked: memory.cancelRequestedAt !== null,
  });
  if (decision.kind === "already_cancelled") return { kind: "already_cancelled", run: storedRun(memory) };
  if (decision.kind === "refused") return decision;
  const isNew = memory.cancelRequestedAt === null;
  const request = {
    control_id: clock.newId(),
    action: "cancel" as const,
    by: command.by,
    ...(command.reason === null ? {} : { reason: command.reason }),
  };
  log.write(memory, (writer) => {
    if (isNew) writer.writeServerEvent("control.requested", null, request);
    if (decision.kind === "end_now") writer.complete(serverCompletion("cancelled", null));
  });
  if (decision.kind === "ask_producer")
    for (const producer of producers.all()) producer.send(JSON.stringify({ op: "control", ...request }));
  return { kind: "requested", run: storedRun(memory) };
}
