import fc from "fast-check";
import { expect, test } from "vitest";
import { SearchHits } from "./search-hits.ts";

const hitsOf = (...sequences: number[]): SearchHits => {
  const hits = new SearchHits();
  for (const sequence of sequences) hits.take({ sequence, ranges: [[0, 1]] });
  return hits;
};

test("each line is found once, in the order of the log, whatever order it is told in", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 })), fc.integer({ min: 0, max: 51 }), (told, from) => {
      const hits = hitsOf(...told);
      const all = [...new Set(told)].toSorted((a, b) => a - b);
      expect(hits.sequences).toEqual(all);
      expect(hits.next(from, 1)).toBe(all.find((one) => one > from) ?? all[0] ?? null);
      expect(hits.next(from, -1)).toBe(all.findLast((one) => one < from) ?? all.at(-1) ?? null);
      expect(hits.numberOf(from)).toBe(all.filter((one) => one <= from).length);
    }),
    { numRuns: 100 },
  );
});

test("a line that was open when it was found first has the ranges of the whole one", () => {
  const hits = hitsOf(3);
  hits.take({ op: "end", scanned_to: 2, hits: 1, complete: true });
  hits.take({
    sequence: 3,
    ranges: [
      [0, 1],
      [7, 8],
    ],
  });
  expect([hits.count, hits.rangesOf(3), hits.scannedTo]).toEqual([
    1,
    [
      [0, 1],
      [7, 8],
    ],
    2,
  ]);
});

test("what cannot be read is counted, and told", () => {
  const hits = hitsOf();
  hits.take({ op: "damaged", first: 4, last: 6 });
  hits.take({ op: "progress", scanned_to: 9, hits: 0 });
  expect([hits.damaged, hits.scannedTo, hits.next(1, 1)]).toEqual([3, 9, null]);
});
