/** Every row of the console is this tall (design: 12.5/20), so a row's place is a product and never measured. */
export const ROW_PX = 20;

/** Rows drawn beyond each edge, so that a wheel notch finds them already there. */
const OVERSCAN_ROWS = 12;

/** Browsers clamp an element's height somewhere above this (Firefox at about 17.8 million px); longer logs are scrolled to scale. */
const MAX_SCROLL_PX = 10_000_000;

/** What is to be drawn: rows `first..last` (0-based, inclusive; none when `last < first`), the first one `offsetPx` from the top of a box `heightPx` tall. */
export type DrawnRows = { first: number; last: number; offsetPx: number; heightPx: number };

/**
 * Which rows of a long list are in view. It stands between the browser's scroll position, which cannot count past some millions of
 * pixels, and the place in the log, which can: short logs map one to one, long ones to scale, yet every small movement moves the text by
 * exactly as much as the finger did.
 */
export class LineWindow {
  #rows = 0;
  #viewportPx = 0;
  #scrollPx = 0;
  /** Where in the whole list the top of the viewport is. */
  #topPx = 0;

  get rows(): number {
    return this.#rows;
  }

  /** The height of the box that is scrolled. */
  get heightPx(): number {
    return Math.min(this.#rows * ROW_PX, MAX_SCROLL_PX);
  }

  get isAtEnd(): boolean {
    return this.#topPx >= this.#maxTopPx - ROW_PX / 2;
  }

  get topRow(): number {
    return Math.floor(this.#topPx / ROW_PX);
  }

  /** The rows one can see, without the overscan; for what is told to others and for what is fetched. */
  get visible(): { first: number; last: number } {
    const last = Math.ceil((this.#topPx + this.#viewportPx) / ROW_PX) - 1;
    return { first: Math.min(this.topRow, Math.max(0, this.#rows - 1)), last: Math.min(this.#rows - 1, last) };
  }

  get drawn(): DrawnRows {
    const { first: firstVisible, last: lastVisible } = this.visible;
    const first = Math.max(0, firstVisible - OVERSCAN_ROWS);
    const last = Math.min(this.#rows - 1, lastVisible + OVERSCAN_ROWS);
    return { first, last, offsetPx: first * ROW_PX - (this.#topPx - this.#scrollPx), heightPx: this.heightPx };
  }

  /** The list has this many rows now. What is in view stays where it is. */
  setRows(rows: number): void {
    this.#rows = rows;
    this.#topPx = Math.min(this.#topPx, this.#maxTopPx);
    if (!this.#isScaled) this.#scrollPx = this.#topPx;
  }

  setViewport(px: number): void {
    this.#viewportPx = px;
    this.#topPx = Math.min(this.#topPx, this.#maxTopPx);
  }

  /** The browser scrolled to `scrollPx`. */
  scrolled(scrollPx: number): void {
    const movedPx = scrollPx - this.#scrollPx;
    if (movedPx === 0) return;
    this.#scrollPx = scrollPx;
    if (!this.#isScaled) this.#topPx = this.#clamp(scrollPx);
    else if (scrollPx <= 0) this.#topPx = 0;
    else if (scrollPx >= this.#maxScrollPx) this.#topPx = this.#maxTopPx;
    // A wheel, a key or a finger moves the text by what it says; a jump of the scroll bar's thumb is a place in the whole.
    else if (Math.abs(movedPx) <= 2 * this.#viewportPx) this.#topPx = this.#clamp(this.#topPx + movedPx);
    else this.#topPx = this.#clamp((scrollPx / this.#maxScrollPx) * this.#maxTopPx);
  }

  /** Goes to `row` and answers the scroll position to set: at the top, in the middle, or only as far as needed to see it. */
  goTo(row: number, align: "start" | "centre" | "nearest"): number {
    const rowPx = Math.max(0, Math.min(row, this.#rows - 1)) * ROW_PX;
    if (align === "start") this.#topPx = this.#clamp(rowPx);
    else if (align === "centre") this.#topPx = this.#clamp(Math.round(rowPx - (this.#viewportPx - ROW_PX) / 2));
    else if (rowPx < this.#topPx) this.#topPx = this.#clamp(rowPx);
    else if (rowPx + ROW_PX > this.#topPx + this.#viewportPx)
      this.#topPx = this.#clamp(rowPx + ROW_PX - this.#viewportPx);
    return this.settle();
  }

  /** How far below the top of the viewport the row begins. */
  offsetOf(row: number): number {
    return row * ROW_PX - this.#topPx;
  }

  /** Puts the row so far below the top of the viewport, and answers the scroll position to set. */
  place(row: number, offsetPx: number): number {
    this.#topPx = this.#clamp(row * ROW_PX - offsetPx);
    return this.settle();
  }

  goToEnd(): number {
    this.#topPx = this.#maxTopPx;
    return this.settle();
  }

  /**
   * The scroll position that belongs to the place in view. Small movements through a scaled log leave the scroll bar behind the text;
   * setting this once the movement has ended brings it back without moving the text.
   */
  settle(): number {
    this.#scrollPx =
      this.#isScaled && this.#maxTopPx > 0
        ? Math.round((this.#topPx / this.#maxTopPx) * this.#maxScrollPx)
        : this.#topPx;
    return this.#scrollPx;
  }

  get #isScaled(): boolean {
    return this.#rows * ROW_PX > MAX_SCROLL_PX;
  }

  get #maxTopPx(): number {
    return Math.max(0, this.#rows * ROW_PX - this.#viewportPx);
  }

  get #maxScrollPx(): number {
    return Math.max(0, this.heightPx - this.#viewportPx);
  }

  #clamp(px: number): number {
    return Math.min(this.#maxTopPx, Math.max(0, px));
  }
}
