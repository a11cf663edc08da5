import type { TextPoint } from "./copied-text.ts";

/** A selection in the console: where it began and where it has come to, in the order of the log. */
export type SelectedText = { from: TextPoint; to: TextPoint };

/** What is selected in the console's rows; null when nothing is, or when it reaches beyond them. */
export function selectedIn(rows: HTMLElement): SelectedText | null {
  const selection = document.getSelection();
  if (selection === null || selection.isCollapsed || selection.rangeCount === 0) return null;
  const { startContainer, startOffset, endContainer, endOffset } = selection.getRangeAt(0);
  const from = pointOf(rows, startContainer, startOffset);
  const to = pointOf(rows, endContainer, endOffset);
  return from === null || to === null ? null : { from, to };
}

function pointOf(rows: HTMLElement, node: Node, offset: number): TextPoint | null {
  if (!rows.contains(node)) return null;
  const element = node instanceof Element ? node : node.parentElement;
  const row = element?.closest<HTMLElement>("[data-sequence]");
  if (row === null || row === undefined) return null;
  const sequence = Number(row.dataset["sequence"]);
  const piece = element?.closest<HTMLElement>("[data-from]");
  if (piece === null || piece === undefined)
    return { sequence, offset: isBehindText(row, node, offset) ? Infinity : 0 };
  const before = document.createRange();
  before.setStart(piece, 0);
  before.setEnd(node, offset);
  return { sequence, offset: Number(piece.dataset["from"]) + before.toString().length };
}

/** In the gutter, or behind the last character. */
function isBehindText(row: HTMLElement, node: Node, offset: number): boolean {
  const text = row.querySelector("[data-from]");
  if (text === null) return false;
  const point = document.createRange();
  point.setStart(node, offset);
  return point.comparePoint(text, 0) < 0;
}
