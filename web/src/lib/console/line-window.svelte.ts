import { FOLLOWING, followAfterScroll, stopFollowing, type FollowTail } from "./follow-tail.ts";
import { LineWindow, type DrawnRows } from "./line-window.ts";
import { ROW_PX } from "./place.ts";
import type { RowOrder } from "./row-order.ts";

/** A scroll that has paused this long has ended; then the box of a long log is laid anew around the text. */
const SETTLE_MS = 150;
const KEPT_HEIGHTS = 50_000;

/** What stays where it is on the screen when rows above it turn out to be parts of others. */
type Anchor = {
  sequence: number;
  offsetPx: number;
  row: number;
  /** One wants to see this event, wherever its row is. */
  isAsked: boolean;
};

/** The line window on an element that scrolls: measures it, listens to it, and says what to draw. */
export class LineWindowView {
  drawn: DrawnRows = $state.raw({ first: 0, last: -1, offsetPx: 0, heightPx: 0 });
  tail: FollowTail = $state.raw(FOLLOWING);
  /** The rows one can see. */
  visible = $state.raw({ first: 0, last: -1 });
  /** For the scroll bar: the row at the top, the last that can be there, and all of them. */
  position = $state.raw({ top: 0, most: 0, rows: 0 });
  /** Which way one moved last. */
  direction: "up" | "down" = "down";
  #order: RowOrder;
  readonly #window = new LineWindow();
  #head = 0;
  #anchor: Anchor | null = null;
  #element: HTMLElement | null = null;
  /** What this has set itself and the browser is about to report; only what differs is the reader's doing. */
  #setPx = 0;
  #settleTimer: ReturnType<typeof setTimeout> | undefined;
  /** Of rows that are wrapped, by their event; null: none is. */
  #heights: Map<number, number> | null = null;
  #widthPx = 0;

  constructor(order: RowOrder) {
    this.#order = order;
  }

  /** For `{@attach}`: watches the element until it leaves the page. */
  attach = (element: HTMLElement): (() => void) => {
    this.#element = element;
    const resized = new ResizeObserver(() => {
      this.#window.setViewport(element.clientHeight);
      if (element.clientWidth !== this.#widthPx && this.#heights !== null) this.#heights = new Map();
      this.#widthPx = element.clientWidth;
      this.#stay();
    });
    resized.observe(element);
    const scrolled = (): void => this.#scrolled(element.scrollTop);
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener("scroll", scrolled);
      clearTimeout(this.#settleTimer);
      this.#element = null;
    };
  };

  /** The log ends with this event now, or is known better. What is in view stays where it is. */
  update(head: number): void {
    this.#head = head;
    const rows = this.#order.rowsUpTo(head);
    const row = this.#anchor === null ? 0 : this.#rowOf(this.#anchor);
    if (rows === this.#window.rows && row === (this.#anchor?.row ?? 0)) return;
    this.#window.setRows(rows);
    if (this.tail.kind === "following" || row !== (this.#anchor?.row ?? 0)) this.#stay();
    else this.#place(this.#window.scrollPx);
  }

  /** Other rows of the same log from now on. What is in view stays where it is, as far as it is still there. */
  reorder(order: RowOrder): void {
    if (order === this.#order) return;
    if (this.#anchor?.isAsked !== true && this.tail.kind === "reading") this.#holdTop();
    this.#order = order;
    this.#window.setRows(order.rowsUpTo(this.#head));
    this.#stay();
  }

  /** Long lines are wrapped from now on, or no longer. The row at the top stays there. */
  wrap(isWrapped: boolean): void {
    if (isWrapped === (this.#heights !== null)) return;
    this.#heights = isWrapped ? new Map() : null;
    if (this.#anchor?.isAsked !== true && this.tail.kind === "reading") this.#holdTop();
    this.#window.setHeights(isWrapped ? this.#heightOf : null);
    this.#stay();
  }

  /** How tall the rows of these events are drawn. */
  measured(rows: Iterable<{ sequence: number; heightPx: number }>): void {
    const heights = this.#heights;
    if (heights === null) return;
    let isChanged = false;
    for (const { sequence, heightPx } of rows) {
      if ((heights.get(sequence) ?? ROW_PX) === heightPx) continue;
      heights.set(sequence, heightPx);
      isChanged = true;
    }
    // Those measured longest ago count as one line again, until they are drawn.
    for (const oldest of heights.keys()) {
      if (heights.size <= KEPT_HEIGHTS) break;
      heights.delete(oldest);
    }
    if (!isChanged) return;
    this.#window.setHeights(this.#heightOf);
    this.#stay();
  }

  follow(): void {
    this.tail = FOLLOWING;
    this.#anchor = null;
    this.#place(this.#window.goToEnd());
  }

  /** New lines no longer move what is in view. */
  letGo(): void {
    this.tail = stopFollowing(this.tail, this.#head);
    this.#holdTop();
  }

  /** Shows the event's row, in the middle unless it is in view already, and stops following. */
  show(sequence: number): void {
    this.tail = stopFollowing(this.tail, this.#head);
    const row = this.#order.rowOf(sequence);
    const { first, last } = this.#window.visible;
    this.#place(this.#window.goTo(row, row > first && row < last ? "nearest" : "centre"));
    this.#anchor = { sequence, row, offsetPx: this.#window.offsetOf(row), isAsked: true };
  }

  goToStart(): void {
    this.goToPosition(0);
  }

  /** The scroll bar was drawn to here. */
  goToPosition(top: number): void {
    const { position } = this.#window;
    this.direction = top < position.top ? "up" : "down";
    if (top >= position.most) return this.follow();
    this.tail = stopFollowing(this.tail, this.#head);
    this.#place(this.#window.goToPosition(top));
    this.#holdTop();
  }

  /** By rows, as the arrow keys do. */
  move(rows: number): void {
    this.#element?.scrollBy({ top: rows * ROW_PX });
  }

  /** To be called once what is `drawn` stands in the page: before that the browser would clamp the position to the old height. */
  applyScroll(): void {
    if (this.#element === null || this.#isHere(this.#element.scrollTop)) return;
    this.#element.scrollTop = this.#setPx;
  }

  readonly #heightOf = (row: number): number =>
    row < this.#window.rows ? (this.#heights?.get(this.#order.sequenceAt(row)) ?? ROW_PX) : ROW_PX;

  #scrolled(px: number): void {
    if (this.#isHere(px)) return;
    const byPx = px - this.#setPx;
    this.#setPx = px;
    this.direction = byPx < 0 ? "up" : "down";
    this.#window.scrolled(px);
    this.tail = followAfterScroll(this.tail, { byPx, isAtEnd: this.#window.isAtEnd, head: this.#head });
    this.#holdTop();
    if (this.#window.isStuck) this.#place(this.#window.settle());
    else this.#draw();
    clearTimeout(this.#settleTimer);
    this.#settleTimer = setTimeout(() => this.#settle(), SETTLE_MS);
  }

  #settle(): void {
    // The reader scrolls again, and the browser is about to say so: set now, the position would take that back.
    if (this.#element !== null && !this.#isHere(this.#element.scrollTop)) return;
    this.#place(this.#window.settle());
  }

  /** What is in view stays there, whatever has changed around it. */
  #stay(): void {
    if (this.tail.kind === "following") this.#place(this.#window.goToEnd());
    else if (this.#anchor === null) this.#place(this.#window.settle());
    else {
      this.#anchor.row = this.#rowOf(this.#anchor);
      this.#place(this.#window.place(this.#anchor.row, this.#anchor.offsetPx));
    }
  }

  #place(px: number): void {
    this.#setPx = px;
    this.#draw();
  }

  /** Browsers round to the device's pixels. */
  #isHere(px: number): boolean {
    return Math.abs(px - this.#setPx) < 1;
  }

  #holdTop(): void {
    const row = this.#window.topRow;
    const sequence = this.#order.sequenceAt(row);
    this.#anchor = { sequence, row, offsetPx: this.#window.offsetOf(row), isAsked: false };
  }

  #rowOf({ sequence, isAsked }: Anchor): number {
    return isAsked ? this.#order.rowOf(sequence) : this.#order.rowInPlaceOf(sequence);
  }

  #draw(): void {
    this.drawn = this.#window.drawn;
    const { first, last } = this.#window.visible;
    if (first !== this.visible.first || last !== this.visible.last) this.visible = { first, last };
    const { top, most } = this.#window.position;
    const { rows } = this.#window;
    if (top !== this.position.top || most !== this.position.most || rows !== this.position.rows)
      this.position = { top, most, rows };
  }
}
