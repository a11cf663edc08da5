import type { Run } from "../../protocol/api.ts";
import type { RuncastApi, RunProblem } from "../api.ts";
import { pause, retryDelayMs } from "../backoff.ts";
import type { NewRun } from "../run-with-text.ts";

const BACKOFF = { firstMs: 200, maxMs: 3_000 };

export type MadeRun =
  | { kind: "made"; run: Run }
  /** Asking again changes nothing. */
  | { kind: "refused"; problem: RunProblem }
  | { kind: "given_up" };

/** Creates a run, trying until the server answers or the signal comes: with one key, so that an answer that was lost does not make a second. */
export async function makeRun(
  api: RuncastApi,
  wanted: { workspaceId: string; run: NewRun; key: string },
  signal: AbortSignal,
  onProblem: (problem: RunProblem) => void,
): Promise<MadeRun> {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const answer = await api.createRun(wanted.workspaceId, wanted.run, wanted.key, signal);
    if (answer.kind === "ok") return { kind: "made", run: answer.value };
    if (signal.aborted) break;
    const { problem } = answer;
    if (!problem.retry) return { kind: "refused", problem };
    onProblem(problem);
    await pause(retryDelayMs(attempt, BACKOFF, Math.random, problem.retryAfterMs), signal);
  }
  return { kind: "given_up" };
}
