export type Backoff = { firstMs: number; maxMs: number };

/**
 * How long to wait before retry `attempt` (1 is the first): doubling from `firstMs` up to `maxMs`, then anywhere in the upper half of
 * that. The spread is what keeps a thousand clients of a restarted server from coming back in the same instant.
 */
export function retryDelayMs(attempt: number, { firstMs, maxMs }: Backoff, random: () => number): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}

/** Resolves after this long, or when the signal comes. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
