/** Rows that are marked on the scroll bar, in order. */
export type Mark = { kind: "hit" | "issue" | "target"; rows: readonly number[] };

/** One line across the bar for every two pixels that have a row worth a mark: one path, however many there are. */
export function marksPath(rows: readonly number[], pxOf: (row: number) => number): string {
  let path = "";
  let drawn = -2;
  for (const row of rows) {
    const px = Math.round(pxOf(row));
    if (px - drawn < 2) continue;
    drawn = px;
    path += `M2 ${px}h40`;
  }
  return path;
}
