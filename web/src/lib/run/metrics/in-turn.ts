/** Of a frame's 16 ms: the rest is for what one does meanwhile. */
const BUDGET_MS = 8;

const waiting = new Set<() => void>();
let frame: number | undefined;

/** Does it in one of the next frames, no more in each than leaves room for a hand that moves: twenty charts at once would be seen to stop. */
export function inTurn(act: () => void): () => void {
  waiting.add(act);
  frame ??= requestAnimationFrame(doSome);
  return () => waiting.delete(act);
}

function doSome(): void {
  const until = performance.now() + BUDGET_MS;
  for (const act of waiting) {
    waiting.delete(act);
    act();
    if (performance.now() >= until) break;
  }
  frame = waiting.size > 0 ? requestAnimationFrame(doSome) : undefined;
}
