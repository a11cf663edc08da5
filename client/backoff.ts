export type Backoff = { firstMs: number; maxMs: number };

/** A server may ask for patience, but a lease of a minute must not run out over it. */
const RETRY_AFTER_MAX_MS = 30_000;

/**
 * How long to wait before retry `attempt` (1 is the first): anywhere up to a span that doubles from `firstMs` to `maxMs`, behind what the
 * server asked for. Chance over the whole span is what keeps a thousand clients of a restarted server, told to wait the same second, from
 * coming back in the same instant; never less than half of `firstMs`, so that no draw makes a loop that spins.
 */
export function retryDelayMs(
  attempt: number,
  { firstMs, maxMs }: Backoff,
  random: () => number,
  retryAfterMs: number | null = null,
): number {
  const leastMs = firstMs / 2;
  const mostMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(leastMs + random() * (mostMs - leastMs)) + Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
}

/** Resolves after this long, or when the signal comes. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
