import { pathTo, type Step } from "./steps.ts";

/** Those that do not lie in a folded one. */
export function unfolded<Item extends { id: string; depth: number }>(
  items: readonly Item[],
  folded: ReadonlySet<string>,
): Item[] {
  let hiddenBelow = Infinity;
  return items.filter(({ id, depth }) => {
    if (depth > hiddenBelow) return false;
    hiddenBelow = folded.has(id) ? depth : Infinity;
    return true;
  });
}

export function withFold(folded: ReadonlySet<string>, id: string, isFolded: boolean): ReadonlySet<string> {
  const next = new Set(folded);
  if (isFolded) next.add(id);
  else next.delete(id);
  return next;
}

/**
 * Of at most `most` steps none; of more all but those with something to look at inside: what failed, what still runs, and the slowest.
 */
export function foldsAtFirst(steps: readonly Step[], most: number, slowest: string | undefined): ReadonlySet<string> {
  if (steps.length <= most) return new Set();
  const telling = steps.filter(({ id, status }) => status === "failed" || status === "running" || id === slowest);
  const kept = new Set(telling.flatMap((step) => pathTo(step, steps).slice(0, -1)));
  return new Set(steps.filter((step) => step.hasChildren && !kept.has(step)).map(({ id }) => id));
}
