import { FOLLOWING, followAfterScroll, stopFollowing, type FollowTail } from "./follow-tail.ts";
import { LineWindow, ROW_PX, type DrawnRows } from "./line-window.ts";

/** A scroll that has paused this long has ended; then the scroll bar of a scaled log is brought back to where the text is. */
const SETTLE_MS = 150;

/** The line window on an element that scrolls: measures it, listens to it, and says what to draw. Rows are sequences less one. */
export class LineWindowView {
  drawn: DrawnRows = $state.raw({ first: 0, last: -1, offsetPx: 0, heightPx: 0 });
  tail: FollowTail = $state.raw(FOLLOWING);
  /** The sequences one can see. */
  visible = $state.raw({ first: 1, last: 0 });
  readonly #window = new LineWindow();
  #element: HTMLElement | null = null;
  /** What this has set itself and the browser is about to report; only what differs is the reader's doing. */
  #setPx = 0;
  #settleTimer: ReturnType<typeof setTimeout> | undefined;

  /** For `{@attach}`: watches the element until it leaves the page. */
  attach = (element: HTMLElement): (() => void) => {
    this.#element = element;
    const resized = new ResizeObserver(() => {
      this.#window.setViewport(element.clientHeight);
      this.#place(this.tail.kind === "following" ? this.#window.goToEnd() : this.#window.settle());
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

  /** The log has this many lines now. */
  setRows(rows: number): void {
    if (rows === this.#window.rows) return;
    this.#window.setRows(rows);
    this.#place(this.tail.kind === "following" ? this.#window.goToEnd() : this.#setPx);
  }

  follow(): void {
    this.tail = FOLLOWING;
    this.#place(this.#window.goToEnd());
  }

  /** New lines no longer move what is in view. */
  letGo(): void {
    this.tail = stopFollowing(this.tail, this.#window.rows);
  }

  /** Shows the line, in the middle unless it is in view already, and stops following. */
  show(sequence: number): void {
    this.letGo();
    const isInView = sequence > this.visible.first && sequence < this.visible.last;
    this.#place(this.#window.goTo(sequence - 1, isInView ? "nearest" : "centre"));
  }

  goToStart(): void {
    this.letGo();
    this.#place(this.#window.goTo(0, "start"));
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

  #scrolled(px: number): void {
    if (this.#isHere(px)) return;
    const byPx = px - this.#setPx;
    this.#setPx = px;
    this.#window.scrolled(px);
    this.tail = followAfterScroll(this.tail, { byPx, isAtEnd: this.#window.isAtEnd, head: this.#window.rows });
    this.#draw();
    clearTimeout(this.#settleTimer);
    this.#settleTimer = setTimeout(() => this.#place(this.#window.settle()), SETTLE_MS);
  }

  #place(px: number): void {
    this.#setPx = px;
    this.#draw();
  }

  /** Browsers round to the device's pixels. */
  #isHere(px: number): boolean {
    return Math.abs(px - this.#setPx) < 1;
  }

  #draw(): void {
    this.drawn = this.#window.drawn;
    const { first, last } = this.#window.visible;
    if (first + 1 !== this.visible.first || last + 1 !== this.visible.last)
      this.visible = { first: first + 1, last: last + 1 };
  }
}
