import type { HitRange } from "./search-hits.ts";

const NAME = "search-hit";
const CURRENT = "search-current";

/**
 * Paints what a search has found on the rows that are drawn. It is the browser's highlight and no elements: however much is found, the page
 * does not grow, and no text is split.
 */
export function paintHits(
  rows: HTMLElement,
  rangesOf: (sequence: number) => readonly HitRange[] | null,
  current: number | null,
): void {
  // A browser that cannot paint them still marks their rows and the scroll bar.
  if (!("highlights" in CSS)) return;
  const found: Range[] = [];
  const shown: Range[] = [];
  for (const row of rows.querySelectorAll<HTMLElement>("[data-sequence]")) {
    const sequence = Number(row.dataset["sequence"]);
    for (const [start, end] of rangesOf(sequence) ?? []) {
      const range = rangeIn(row, start, end);
      if (range !== null) (sequence === current ? shown : found).push(range);
    }
  }
  CSS.highlights.set(NAME, new Highlight(...found));
  CSS.highlights.set(CURRENT, new Highlight(...shown));
}

export function paintNothing(): void {
  if (!("highlights" in CSS)) return;
  CSS.highlights.delete(NAME);
  CSS.highlights.delete(CURRENT);
}

/** Characters of a row's text, as far as they are drawn; a line that rewrites itself shows fewer than it has. */
function rangeIn(row: HTMLElement, start: number, end: number): Range | null {
  for (const piece of row.querySelectorAll<HTMLElement>("[data-from]")) {
    const from = Number(piece.dataset["from"]);
    const begin = pointIn(piece, start - from);
    const stop = pointIn(piece, end - from);
    if (begin === null || stop === null) continue;
    const range = document.createRange();
    range.setStart(begin.node, begin.offset);
    range.setEnd(stop.node, stop.offset);
    return range;
  }
  return null;
}

function pointIn(piece: HTMLElement, offset: number): { node: Node; offset: number } | null {
  if (offset < 0) return null;
  const texts = document.createTreeWalker(piece, NodeFilter.SHOW_TEXT);
  let left = offset;
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    const { length } = node.textContent ?? "";
    if (left <= length) return { node, offset: left };
    left -= length;
  }
  return null;
}
