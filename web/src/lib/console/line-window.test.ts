import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineWindow, ROW_PX } from "./line-window.ts";

const VIEWPORT = 600;
const windowOf = (rows: number): LineWindow => {
  const window = new LineWindow();
  window.setViewport(VIEWPORT);
  window.setRows(rows);
  return window;
};
/** Where row `row` is on the screen, as the browser would put it. */
const screenPx = (window: LineWindow, row: number, scrollPx: number): number =>
  window.drawn.offsetPx + (row - window.drawn.first) * ROW_PX - scrollPx;

describe("a short log", () => {
  test("nothing is drawn of nothing", () => {
    const { first, last } = windowOf(0).drawn;
    expect(last).toBeLessThan(first);
  });

  test("only what is near the viewport is drawn", () => {
    const window = windowOf(100_000);
    window.scrolled(1_000_000);
    const { first, last } = window.drawn;
    expect(window.visible.first).toBe(50_000);
    expect(last - first).toBeLessThan(60);
    expect(screenPx(window, 50_000, 1_000_000)).toBe(0);
  });

  test("new rows at the end do not move what is in view", () => {
    const window = windowOf(1000);
    window.scrolled(5000);
    const before = screenPx(window, 250, 5000);
    window.setRows(90_000);
    expect(screenPx(window, 250, 5000)).toBe(before);
  });

  test("a log shorter than the viewport is at its end", () => expect(windowOf(3).isAtEnd).toBe(true));
});

describe("a log taller than a browser can scroll", () => {
  const ROWS = 5_000_000;

  test("the box stays within what browsers can do", () =>
    expect(windowOf(ROWS).heightPx).toBeLessThanOrEqual(10_000_000));

  test("both ends can be reached", () => {
    const window = windowOf(ROWS);
    window.scrolled(window.heightPx - VIEWPORT);
    expect(window.visible.last).toBe(ROWS - 1);
    window.scrolled(0);
    expect(window.visible.first).toBe(0);
  });

  test("a wheel notch moves the text by as much as the wheel says", () => {
    const window = windowOf(ROWS);
    const scrollPx = window.goTo(2_000_000, "start");
    window.scrolled(scrollPx + 100);
    expect(screenPx(window, 2_000_000, scrollPx + 100)).toBe(-100);
  });

  test("a jump of the thumb is a place in the whole", () => {
    const window = windowOf(ROWS);
    window.scrolled((window.heightPx - VIEWPORT) / 2);
    expect(Math.abs(window.topRow - ROWS / 2)).toBeLessThan(20);
  });

  test("bringing the scroll bar back does not move the text", () => {
    const window = windowOf(ROWS);
    let scrollPx = window.goTo(2_000_000, "start");
    for (let i = 0; i < 200; i += 1) window.scrolled((scrollPx += 300));
    const row = window.topRow;
    const before = screenPx(window, row, scrollPx);
    const settled = window.settle();
    expect(settled).not.toBe(scrollPx);
    expect(screenPx(window, row, settled)).toBe(before);
  });

  test("growing past the limit does not move what is in view", () => {
    const window = windowOf(400_000);
    window.scrolled(4_000_000);
    const before = screenPx(window, 200_000, 4_000_000);
    window.setRows(900_000);
    expect(screenPx(window, 200_000, 4_000_000)).toBe(before);
  });
});

describe("going to a row", () => {
  test.each([10, 99_999, 1_000_000, 4_999_999])("row %d is then in view", (row) => {
    for (const align of ["start", "centre", "nearest"] as const) {
      const window = windowOf(5_000_000);
      const scrollPx = window.goTo(row, align);
      const { first, last } = window.visible;
      expect(row >= first && row <= last).toBe(true);
      expect(screenPx(window, row, scrollPx)).toBeGreaterThanOrEqual(0);
    }
  });

  test("one that is in view already stays where it is", () => {
    const window = windowOf(1000);
    const before = window.goTo(500, "centre");
    expect(window.goTo(505, "nearest")).toBe(before);
  });
});

test("whatever one scrolls, the viewport is covered and little is drawn", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 40, max: 20_000_000 }),
      fc.array(fc.oneof(fc.integer({ min: -2000, max: 2000 }), fc.integer({ min: -9_000_000, max: 9_000_000 })), {
        maxLength: 40,
      }),
      (rows, moves) => {
        const window = windowOf(rows);
        let scrollPx = 0;
        for (const move of moves) {
          scrollPx = Math.min(window.heightPx - VIEWPORT, Math.max(0, scrollPx + move));
          window.scrolled(scrollPx);
          const { first, last } = window.drawn;
          expect(screenPx(window, first, scrollPx)).toBeLessThanOrEqual(0);
          expect(screenPx(window, last, scrollPx) + ROW_PX).toBeGreaterThanOrEqual(VIEWPORT);
          expect(last - first).toBeLessThan(60);
        }
      },
    ),
  );
});
