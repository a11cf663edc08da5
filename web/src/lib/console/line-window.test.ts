import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineWindow } from "./line-window.ts";
import { ROW_PX } from "./place.ts";

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
    expect(windowOf(ROWS).heightPx).toBeLessThanOrEqual(15_000_000));

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

  test("both its ends are so far away that no movement meets them before the log's own", () => {
    const window = windowOf(ROWS);
    for (const row of [10, 100_000, 2_500_000, ROWS - 100_000, ROWS - 50]) {
      const scrollPx = window.goTo(row, "start");
      const above = Math.min(3_000_000, window.topRow * ROW_PX);
      const below = Math.min(3_000_000, (ROWS - window.topRow) * ROW_PX - VIEWPORT);
      expect(scrollPx).toBeGreaterThanOrEqual(above);
      expect(window.heightPx - VIEWPORT - scrollPx).toBeGreaterThanOrEqual(below);
    }
  });

  test("what comes while one moves near its end can be scrolled to, line by line", () => {
    const window = windowOf(ROWS);
    let scrollPx = window.goTo(ROWS - 100, "start");
    window.scrolled((scrollPx += 40));
    window.setRows(ROWS + 1_000);
    expect(window.isAtEnd).toBe(false);
    for (let notch = 0; notch < 500 && !window.isAtEnd; notch += 1) {
      const before = window.position.top;
      window.scrolled((scrollPx = Math.min(scrollPx + 100, window.heightPx - VIEWPORT)));
      expect(window.position.top - before).toBeLessThanOrEqual(100 / ROW_PX);
    }
    expect(window.visible.last).toBe(ROWS + 999);
  });

  test("bringing the scroll bar back does not move the text", () => {
    const window = windowOf(ROWS);
    let scrollPx = window.goTo(2_000_000, "start");
    for (let i = 0; i < 200; i += 1) window.scrolled((scrollPx += 20_000));
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

test("whatever the length, a wheel moves the text by what it says, and settling does not move it", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 20_000_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(fc.integer({ min: -3000, max: 3000 }), { maxLength: 30 }),
      (rows, at, moves) => {
        const window = windowOf(rows);
        let scrollPx = window.goToPosition(at * window.position.most);
        for (const move of moves) {
          const before = window.position.top * ROW_PX;
          const to = Math.min(rows * ROW_PX - VIEWPORT, Math.max(0, before + move));
          window.scrolled((scrollPx += to - before));
          expect(window.position.top * ROW_PX).toBeCloseTo(to, 3);
          if (move % 3 === 0) scrollPx = window.settle();
          expect(window.position.top * ROW_PX).toBeCloseTo(to, 3);
          expect(scrollPx).toBeGreaterThanOrEqual(0);
          expect(scrollPx).toBeLessThanOrEqual(window.heightPx - VIEWPORT);
        }
      },
    ),
    { numRuns: 60 },
  );
});

describe("rows of different heights", () => {
  const TALL = 1300;
  const tall = (row: number): number => (row % 7 === 3 ? TALL : ROW_PX);
  const wrappedOf = (rows: number): LineWindow => {
    const window = windowOf(rows);
    window.setHeights(tall);
    return window;
  };
  const onScreen = (window: LineWindow, row: number): number => window.offsetOf(row);

  test("a wheel notch moves the text by as much as the wheel says, over tall rows too", () => {
    const window = wrappedOf(1_000_000);
    let scrollPx = window.goTo(500_000, "start");
    for (let notch = 1; notch <= 60; notch += 1) {
      window.scrolled((scrollPx += 100));
      expect(onScreen(window, 500_000)).toBe(-100 * notch);
      if (notch % 10 === 0) scrollPx = window.settle();
    }
  });

  test("the viewport is covered, and little more is drawn", () => {
    const window = wrappedOf(10_000);
    for (const row of [0, 3, 4, 5_000, 9_999]) {
      window.goTo(row, "centre");
      const { first, last } = window.drawn;
      const { first: top, last: bottom } = window.visible;
      expect(onScreen(window, top)).toBeLessThanOrEqual(0);
      expect(onScreen(window, bottom) + tall(bottom)).toBeGreaterThanOrEqual(Math.min(VIEWPORT, 10_000 * ROW_PX));
      expect([top - first <= 12, last - bottom <= 12]).toEqual([true, true]);
    }
  });

  test("the last line stands at the bottom when one is at the end, and the first at the top", () => {
    const window = wrappedOf(1_005);
    window.goToEnd();
    expect(onScreen(window, 1_004) + tall(1_004)).toBe(VIEWPORT);
    expect(window.isAtEnd).toBe(true);
    window.goTo(0, "start");
    expect([window.topRow, onScreen(window, 0)]).toEqual([0, 0]);
  });

  test("a row that turns out to be tall leaves the top where it is", () => {
    const window = windowOf(2_000);
    window.goTo(1_000, "start");
    window.setHeights(tall);
    expect([window.topRow, onScreen(window, 1_000)]).toEqual([1_000, 0]);
  });

  test("taken for shorter than they are, rows do not make one meet an end that is none", () => {
    let known = new Set<number>();
    const window = windowOf(300);
    window.setHeights((row) => (known.has(row) ? tall(row) : ROW_PX));
    let scrollPx = window.goTo(200, "start");
    for (let notch = 0; notch < 2_000 && window.position.top > 0; notch += 1) {
      const before = window.offsetOf(250);
      window.scrolled((scrollPx = Math.max(0, scrollPx - 100)));
      if (window.isStuck) scrollPx = window.settle();
      expect(window.offsetOf(250) - before).toBeLessThanOrEqual(100);
      const { first, last } = window.drawn;
      known = new Set([...known, ...Array.from({ length: last - first + 1 }, (_, at) => first + at)]);
      window.setHeights((row) => (known.has(row) ? tall(row) : ROW_PX));
    }
    expect(window.position.top).toBe(0);
  });
});
