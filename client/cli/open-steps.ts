import type { RuncastApi } from "../api.ts";
import type { ProducerEvent } from "../producer-event.ts";
import type { RunProblem } from "../run-problem.ts";

type OpenStep = { id: string; startedAt: number };

/**
 * What ends the steps of a killed command line: as for a command that failed, the innermost first. The stored log tells which are open, so whoever
 * resumes closes each once, also when the one before was killed over it. [SPL7]
 */
export async function endsOfOpenSteps(
  api: RuncastApi,
  run: { runId: string; source: string },
  endedAt: Date,
): Promise<{ kind: "ends"; events: ProducerEvent[] } | { kind: "problem"; problem: RunProblem }> {
  const open = new Map<string, OpenStep>();
  for (let position = 0; ;) {
    const page = await api.readEvents(run.runId, { afterSequence: position, types: ["step.*"], limit: 1_000 });
    if (page.kind === "problem") return page;
    const { items, next_after_sequence: next } = page.value;
    for (const { type, step, source, created_at } of items) {
      // Others may write into the run as well, and end what they have begun.
      if (typeof step !== "string" || source !== run.source) continue;
      if (type === "step.started") open.set(step, { id: step, startedAt: Date.parse(String(created_at)) });
      else open.delete(step);
    }
    if (items.length === 0 || next <= position) break;
    position = next;
  }
  const events = [...open.values()].toReversed().map(({ id, startedAt }) => ({
    type: "step.completed",
    step: id,
    created_at: endedAt.toISOString(),
    payload: { status: "failed", duration_ms: Math.max(0, endedAt.getTime() - startedAt) },
  }));
  return { kind: "ends", events };
}
