import type { Answer, RunProblem } from "./run-problem.ts";
import { pause, retryDelayMs } from "./backoff.ts";

export type Patience = {
  /** From the first try on, no other is begun later than this. 0: there is only one. */
  patienceMs: number;
  signal?: AbortSignal | undefined;
  /** Before each wait. */
  onRetry?: ((problem: RunProblem) => void) | undefined;
};

const BACKOFF = { firstMs: 200, maxMs: 3_000 };

/**
 * Asks again as long as that may help and the patience lasts. What the server asks to wait for is waited for; when that is longer than the
 * patience, its refusal is the answer at once.
 */
export async function askPatiently<T>(
  ask: (attempt: number) => Promise<Answer<T>>,
  mayRepeat: (problem: RunProblem) => boolean,
  { patienceMs, signal, onRetry }: Patience,
): Promise<Answer<T>> {
  // Not by the clock on the wall, which may be set meanwhile.
  const endsAt = performance.now() + patienceMs;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask(attempt);
    if (answer.kind === "ok" || signal?.aborted || !mayRepeat(answer.problem)) return answer;
    const delayMs = retryDelayMs(attempt, BACKOFF, Math.random, answer.problem.retryAfterMs);
    if (performance.now() + delayMs > endsAt) return answer;
    onRetry?.(answer.problem);
    await pause(delayMs, signal);
  }
}
