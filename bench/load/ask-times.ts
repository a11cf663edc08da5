import { quantile } from "./quantile.ts";

export type AskTimes = { p50: number; p95: number };

/** How long so many requests took, one after the other, in milliseconds. */
export async function askTimes(times: number, ask: () => Promise<unknown>): Promise<AskTimes> {
  const took: number[] = [];
  for (let asked = 0; asked < times; asked += 1) took.push(await timed(ask));
  return { p50: quantile(took, 0.5), p95: quantile(took, 0.95) };
}

export async function timed(ask: () => Promise<unknown>): Promise<number> {
  const begunAt = performance.now();
  await ask();
  return performance.now() - begunAt;
}
