import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineWindow } from "./line-window.ts";
import { markPx, rowAtPx, thumbOf, topUnderThumb, type MapFacts } from "./scroll-map.ts";
import { marksPath } from "./scroll-marks.ts";

const facts = fc
  .record({
    rows: fc.integer({ min: 2, max: 20_000_000 }),
    shown: fc.integer({ min: 1, max: 60 }),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    trackPx: fc.integer({ min: 100, max: 1_400 }),
  })
  .filter(({ rows, shown }) => shown < rows)
  .map(({ rows, shown, at, trackPx }): MapFacts => ({ rows, most: rows - shown, top: at * (rows - shown), trackPx }));
const check = <T>(arbitrary: fc.Arbitrary<T>, holds: (one: T) => void): void =>
  fc.assert(fc.property(arbitrary, holds), { numRuns: 200 });

describe("the thumb", () => {
  test("stays on its bar and can be taken hold of", () =>
    check(facts, (one) => {
      const thumb = thumbOf(one) ?? expect.fail("there is more than one sees");
      expect(thumb.offsetPx).toBeGreaterThanOrEqual(0);
      expect(thumb.offsetPx + thumb.lengthPx).toBeLessThanOrEqual(one.trackPx + 0.001);
      expect(thumb.lengthPx).toBeGreaterThanOrEqual(32);
    }));

  test("laid down where it is, leads to where one is", () =>
    check(facts, (one) => {
      const thumb = thumbOf(one) ?? expect.fail("there is more than one sees");
      expect(Math.abs(topUnderThumb(one, thumb.offsetPx) - one.top)).toBeLessThanOrEqual(1e-6 * one.rows + 1e-9);
    }));

  test("drawn further down never leads further up, and its ends are those of the log", () =>
    check(fc.tuple(facts, fc.array(fc.integer({ min: -50, max: 1_500 }))), ([one, places]) => {
      const tops = places.toSorted((a, b) => a - b).map((px) => topUnderThumb(one, px));
      expect(tops).toEqual(tops.toSorted((a, b) => a - b));
      expect([topUnderThumb(one, 0), topUnderThumb(one, one.trackPx)]).toEqual([0, one.most]);
    }));

  test("is not there when all is in view", () =>
    expect(thumbOf({ rows: 5, top: 0, most: 0, trackPx: 600 })).toBe(null));
});

test("a mark is on the bar, in order, and its point leads back to it as near as a pixel can", () =>
  check(fc.tuple(facts, fc.array(fc.integer({ min: 0, max: 19_999_999 }))), ([one, rows]) => {
    const marked = rows.map((row) => row % one.rows).toSorted((a, b) => a - b);
    const places = marked.map((row) => markPx(row, one));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    for (const [at, px] of places.entries()) {
      expect(px >= 0 && px <= one.trackPx).toBe(true);
      expect(Math.abs(rowAtPx(px, one) - (marked[at] ?? -1))).toBeLessThanOrEqual(1);
    }
    expect(marksPath(marked, (row) => markPx(row, one)).split("M").length).toBeLessThanOrEqual(one.trackPx / 2 + 2);
  }));

test("every line of ten million is reached: by the bar to its neighbourhood, by the wheel from there", () => {
  const window = new LineWindow();
  window.setViewport(800);
  window.setRows(10_000_000);
  const row = fc.integer({ min: 0, max: 9_999_999 });
  check(row, (wanted) => {
    const track = { ...window.position, rows: 10_000_000, trackPx: 700 };
    const px = Math.round((wanted / 9_999_999) * 668);
    let scrollPx = window.goToPosition(topUnderThumb(track, px));
    expect(Math.abs(window.topRow - wanted)).toBeLessThan(16_000);
    for (let notch = 0; notch < 4_000; notch += 1) {
      const { first, last } = window.visible;
      if (wanted >= first && wanted <= last) return;
      window.scrolled((scrollPx += wanted < first ? -700 : 700));
    }
    expect.fail(`row ${wanted} was not reached`);
  });
});
