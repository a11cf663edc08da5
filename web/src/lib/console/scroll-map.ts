/** The scroll bar of the whole log: where one is, and where in the log a point of it is. Positions are counted in rows. */
export type MapFacts = {
  /** Of the whole log. */
  rows: number;
  /** The row at the top of the viewport, with parts of one; and the last that can be there. */
  top: number;
  most: number;
  /** How tall the bar is. */
  trackPx: number;
};

/** One must be able to take hold of it. */
const LEAST_THUMB_PX = 32;

export type Thumb = { offsetPx: number; lengthPx: number };

/** The part of the log one sees; null when that is all of it. */
export function thumbOf({ rows, top, most, trackPx }: MapFacts): Thumb | null {
  if (most <= 0 || trackPx <= LEAST_THUMB_PX) return null;
  const lengthPx = Math.min(trackPx, Math.max(LEAST_THUMB_PX, (trackPx * (rows - most)) / rows));
  return { lengthPx, offsetPx: Math.min(1, top / most) * (trackPx - lengthPx) };
}

/** The position at the top of the viewport when the thumb has been drawn to here. */
export function topUnderThumb(facts: MapFacts, offsetPx: number): number {
  const thumb = thumbOf(facts);
  if (thumb === null || thumb.lengthPx >= facts.trackPx) return 0;
  return Math.min(1, Math.max(0, offsetPx / (facts.trackPx - thumb.lengthPx))) * facts.most;
}

/** Where on the bar a row is marked. */
export const markPx = (row: number, { rows, trackPx }: Pick<MapFacts, "rows" | "trackPx">): number =>
  rows <= 1 ? 0 : Math.min(1, Math.max(0, row / (rows - 1))) * trackPx;

/** The row that is marked there: every point of the bar is a place in the log. */
export const rowAtPx = (px: number, { rows, trackPx }: Pick<MapFacts, "rows" | "trackPx">): number =>
  trackPx <= 0 ? 0 : Math.round(Math.min(1, Math.max(0, px / trackPx)) * Math.max(0, rows - 1));
