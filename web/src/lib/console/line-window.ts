import { countBetween, movedBy, ROW_PX, type HeightOf, type Place } from "./place.ts";

/** Rows drawn beyond each edge, so that a wheel notch finds them already there. */
const OVERSCAN_ROWS = 12;

/** Browsers clamp an element's height somewhere above this (Firefox at about 17.8 million px). A longer log moves through a box of this height. */
const BOX_PX = 10_000_000;
/** It may grow to this while lines come, so that what has come can be scrolled to without an end in between. */
const MOST_BOX_PX = 15_000_000;
/** So near an end of the log, the end of the box is just as far away: one cannot scroll past it. */
const NEAR_PX = 3_000_000;
/** The same where rows differ in height, and each has to be asked. */
const NEAR_WRAPPED_PX = 40_000;

/** What is to be drawn: rows `first..last` (0-based, inclusive; none when `last < first`), the first one `offsetPx` from the top of a box `heightPx` tall. */
export type DrawnRows = { first: number; last: number; offsetPx: number; heightPx: number };

/**
 * Which rows of a long list are in view. It stands between the browser's scroll position, which cannot count past some millions of
 * pixels, and the place in the log, which can. A short log fills its box, and both are the same. A longer one moves through the box: every
 * movement moves the text by exactly as much as the finger did, and between two of them the box is laid anew around the text. Where in the
 * whole one is, and how to get elsewhere, is the scroll map's affair.
 */
export class LineWindow {
  #rows = 0;
  #viewportPx = 0;
  #scrollPx = 0;
  #boxPx = 0;
  #top: Place = { row: 0, offsetPx: 0 };
  /** Null: all rows are one line tall. */
  #heightOf: HeightOf = null;

  get rows(): number {
    return this.#rows;
  }

  /** The height of the box that is scrolled. */
  get heightPx(): number {
    return this.#boxPx;
  }

  /** Where in the box the viewport is. */
  get scrollPx(): number {
    return this.#scrollPx;
  }

  get isAtEnd(): boolean {
    return countBetween(this.#top, this.#lastTop, this.#heightOf, ROW_PX) < ROW_PX / 2;
  }

  get topRow(): number {
    return this.#top.row;
  }

  /** How far down the list the top of the viewport is, in rows and parts of one; and how far it can be. */
  get position(): { top: number; most: number } {
    const inRows = ({ row, offsetPx }: Place): number => row + offsetPx / this.#height(row);
    return { top: inRows(this.#top), most: inRows(this.#lastTop) };
  }

  /** The rows one can see, without the overscan; for what is told to others and for what is fetched. */
  get visible(): { first: number; last: number } {
    const end = movedBy(this.#top, this.#viewportPx, this.#heightOf);
    const last = end.offsetPx > 0 ? end.row : end.row - 1;
    return { first: Math.min(this.#top.row, Math.max(0, this.#rows - 1)), last: Math.min(this.#rows - 1, last) };
  }

  get drawn(): DrawnRows {
    const { first: firstVisible, last: lastVisible } = this.visible;
    const first = Math.max(0, firstVisible - OVERSCAN_ROWS);
    const last = Math.min(this.#rows - 1, lastVisible + OVERSCAN_ROWS);
    return { first, last, offsetPx: this.#scrollPx + this.offsetOf(first), heightPx: this.#boxPx };
  }

  /** The list has this many rows now. What is in view stays where it is. */
  setRows(rows: number): void {
    const more = rows - this.#rows;
    this.#rows = rows;
    this.#clamp();
    if (this.#isExact) this.settle();
    else if (more > 0) this.#boxPx = Math.max(this.#boxPx, Math.min(MOST_BOX_PX, this.#boxPx + more * ROW_PX));
  }

  setViewport(px: number): void {
    this.#viewportPx = px;
    this.#clamp();
  }

  /** How tall the rows are, from now on; the one at the top stays there. To be said again whenever an answer has changed. */
  setHeights(heightOf: HeightOf): void {
    this.#heightOf = heightOf;
    this.#top = { row: this.#top.row, offsetPx: Math.min(this.#top.offsetPx, this.#height(this.#top.row) - 1) };
    this.#clamp();
  }

  /** The browser scrolled to `scrollPx`. */
  scrolled(scrollPx: number): void {
    const movedPx = scrollPx - this.#scrollPx;
    this.#scrollPx = scrollPx;
    this.#top = movedBy(this.#top, movedPx, this.#heightOf);
    this.#clamp();
    if (this.#heightOf !== null) return;
    // The box ends where the log does, or further away than anybody scrolls in one go: its ends are the log's.
    if (scrollPx <= 0) this.#top = { row: 0, offsetPx: 0 };
    else if (scrollPx >= this.#boxPx - this.#viewportPx) this.#top = this.#lastTop;
  }

  /** Goes to `row` and answers the scroll position to set: at the top, in the middle, or only as far as needed to see it. */
  goTo(row: number, align: "start" | "centre" | "nearest"): number {
    const to = Math.max(0, Math.min(row, this.#rows - 1));
    const heightPx = this.#height(to);
    const below = this.#viewportPx - heightPx;
    const at = this.offsetOf(to);
    if (align === "start") return this.place(to, 0);
    if (align === "centre") return this.place(to, Math.max(0, Math.round(below / 2)));
    if (at < 0) return this.place(to, 0);
    return at > below ? this.place(to, Math.max(0, below)) : this.settle();
  }

  /** How far below the top of the viewport the row begins. */
  offsetOf(row: number): number {
    const at = { row, offsetPx: 0 };
    const isAbove = row <= this.#top.row;
    const px = isAbove
      ? countBetween(at, this.#top, this.#heightOf, Infinity)
      : countBetween(this.#top, at, this.#heightOf, Infinity);
    return isAbove ? 0 - px : px;
  }

  /** Puts the row so far below the top of the viewport, and answers the scroll position to set. */
  place(row: number, offsetPx: number): number {
    this.#top = movedBy({ row: Math.max(0, Math.min(row, this.#rows)), offsetPx: 0 }, -offsetPx, this.#heightOf);
    this.#clamp();
    return this.settle();
  }

  /** A position as `position` tells it. */
  goToPosition(top: number): number {
    const row = Math.max(0, Math.min(Math.floor(top), this.#rows - 1));
    return this.place(row, -Math.round((top - row) * this.#height(row)));
  }

  goToEnd(): number {
    this.#top = this.#lastTop;
    return this.settle();
  }

  /** The movement has met an end of the box and not that of the log: rows were not as tall as they were taken for. */
  get isStuck(): boolean {
    if (this.#scrollPx <= 0) return this.#top.row > 0 || this.#top.offsetPx > 0;
    return this.#scrollPx >= this.#boxPx - this.#viewportPx && !this.isAtEnd;
  }

  /**
   * Lays the box around the text, and answers the scroll position to set: near an end of the log as far from that of the box, else
   * anywhere far from both. The text does not move.
   */
  settle(): number {
    const near = this.#heightOf === null ? (this.#isExact ? Infinity : NEAR_PX) : NEAR_WRAPPED_PX;
    const before = countBetween({ row: 0, offsetPx: 0 }, this.#top, this.#heightOf, near);
    const after = countBetween(this.#top, this.#lastTop, this.#heightOf, near);
    const isNear = { start: before < near, end: after < near };
    this.#boxPx = isNear.start && isNear.end ? before + after + this.#viewportPx : BOX_PX;
    if (isNear.start) this.#scrollPx = before;
    else if (isNear.end) this.#scrollPx = this.#boxPx - this.#viewportPx - after;
    else if (this.#scrollPx < NEAR_PX || this.#scrollPx > BOX_PX - NEAR_PX) this.#scrollPx = BOX_PX / 2;
    return this.#scrollPx;
  }

  get #isExact(): boolean {
    return this.#heightOf === null && this.#rows * ROW_PX <= BOX_PX;
  }

  /** Where the top is when the end of the list is at the bottom. */
  get #lastTop(): Place {
    return movedBy({ row: this.#rows, offsetPx: 0 }, -this.#viewportPx, this.#heightOf);
  }

  #height(row: number): number {
    return this.#heightOf === null ? ROW_PX : this.#heightOf(row);
  }

  #clamp(): void {
    const most = this.#lastTop;
    const { row, offsetPx } = this.#top;
    if (row > most.row || (row === most.row && offsetPx > most.offsetPx)) this.#top = most;
  }
}
