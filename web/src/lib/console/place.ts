/** A row of the console is this tall (design: 12.5/20), or a multiple of it where long lines are wrapped. */
export const ROW_PX = 20;

/** A place in a list: so far below the top of a row. */
export type Place = { row: number; offsetPx: number };

/** How tall a row is; null: each of them `ROW_PX`, and a place is a product. */
export type HeightOf = ((row: number) => number) | null;

/** Rows whose height is asked for in one movement. Nobody sees more of them pass by; behind them all count as one line. */
const MOST_ASKED = 20_000;

/** The place so much further down, or up; never above the first row. What is behind the last row is the caller's affair. */
export function movedBy(from: Place, byPx: number, heightOf: HeightOf): Place {
  if (heightOf === null) return inEqualRows(from.row, from.offsetPx + byPx);
  let { row } = from;
  let offsetPx = from.offsetPx + byPx;
  let asked = 0;
  for (; offsetPx < 0 && row > 0 && asked < MOST_ASKED; asked += 1) {
    row -= 1;
    offsetPx += heightOf(row);
  }
  for (let height = heightOf(row); offsetPx >= height && asked < MOST_ASKED; asked += 1) {
    offsetPx -= height;
    row += 1;
    height = heightOf(row);
  }
  return asked < MOST_ASKED ? { row, offsetPx: Math.max(0, offsetPx) } : inEqualRows(row, offsetPx);
}

/** How far `to` is below `from`, which is not below it; from `most` on it is only said to be that far. */
export function countBetween(from: Place, to: Place, heightOf: HeightOf, most: number): number {
  let px = to.offsetPx - from.offsetPx;
  if (heightOf === null) return Math.min(most, px + (to.row - from.row) * ROW_PX);
  const asked = Math.min(to.row - from.row, MOST_ASKED);
  for (let row = from.row; row < from.row + asked && px < most; row += 1) px += heightOf(row);
  return Math.min(most, px + (to.row - from.row - asked) * ROW_PX);
}

function inEqualRows(row: number, offsetPx: number): Place {
  const px = Math.max(0, row * ROW_PX + offsetPx);
  const at = Math.floor(px / ROW_PX);
  return { row: at, offsetPx: px - at * ROW_PX };
}
