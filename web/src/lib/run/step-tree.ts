/** Something that may lie in another of its kind, which it names. */
type Nested = { id: string; parent: string | null };
export type Placed<Item> = { item: Item; depth: number; hasChildren: boolean };

/**
 * Each item once, below the one it lies in, siblings in the order given. One whose parent is not there stands on its own, and so does the
 * last of a circle of parents: whatever producers say of each other, it is a tree.
 */
export function inTreeOrder<Item extends Nested>(items: readonly Item[]): Placed<Item>[] {
  const known = new Set(items.map(({ id }) => id));
  const parentOf = new Map<string, string>();
  const liesIn = (id: string, other: string): boolean => {
    for (let at: string | undefined = id; at !== undefined; at = parentOf.get(at)) if (at === other) return true;
    return false;
  };
  for (const { id, parent } of items)
    if (parent !== null && known.has(parent) && !liesIn(parent, id)) parentOf.set(id, parent);

  const roots: Item[] = [];
  const childrenOf = new Map<string, Item[]>();
  for (const item of items) {
    const parent = parentOf.get(item.id);
    if (parent === undefined) roots.push(item);
    else if (childrenOf.get(parent)?.push(item) === undefined) childrenOf.set(parent, [item]);
  }
  // No recursion: a chain of parents is as deep as a producer likes.
  const placed: Placed<Item>[] = [];
  const waiting = roots.toReversed().map((item) => ({ item, depth: 0 }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { item, depth } = next;
    const children = childrenOf.get(item.id) ?? [];
    placed.push({ item, depth, hasChildren: children.length > 0 });
    for (const child of children.toReversed()) waiting.push({ item: child, depth: depth + 1 });
  }
  return placed;
}
