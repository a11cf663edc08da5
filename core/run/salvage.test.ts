import { expect, test } from "vitest";
import { salvage } from "./salvage.ts";

const line = (sequence: number): string =>
  `${JSON.stringify({ sequence, type: "x.y", created_at: "2026-11-21T02:30:00.123Z", payload: { n: "é" } })}\n`;
const SEGMENT = { firstSequence: 5, lastSequence: 10 };
const lines = (): string[] => [5, 6, 7, 8, 9, 10].map(line);
const left = (some: (string | Buffer)[] | null): unknown => {
  const stored = some === null ? null : Buffer.concat(some.map((one) => Buffer.from(one)));
  const { bytes, lost } = salvage(SEGMENT, stored);
  return { kept: Buffer.from(bytes).toString(), lost };
};
const keptBut = (...gone: number[]): string =>
  [5, 6, 7, 8, 9, 10]
    .filter((sequence) => !gone.includes(sequence))
    .map(line)
    .join("");

test("[DMG1] of a damaged segment each line is kept that still is the event of its sequence, and no other", () => {
  expect(left(null)).toEqual({ kept: "", lost: [{ first: 5, last: 10 }] });
  expect(left(lines().toSpliced(2, 1))).toEqual({ kept: keptBut(7), lost: [{ first: 7, last: 7 }] });
  // One that names another number is damaged itself, and no other has to give way to it.
  expect(left(lines().with(2, line(9)))).toEqual({ kept: keptBut(7), lost: [{ first: 7, last: 7 }] });
  expect(left(lines().with(5, line(11)))).toEqual({ kept: keptBut(10), lost: [{ first: 10, last: 10 }] });
  // What lost its newline, or is not UTF-8, would not come back as it was.
  expect(left([...lines().slice(0, 5), line(10).trimEnd()])).toEqual({
    kept: keptBut(10),
    lost: [{ first: 10, last: 10 }],
  });
  const [first = "", ...others] = lines();
  const broken = Buffer.from(first);
  broken[broken.indexOf(0xc3)] = 0xff;
  expect(left([broken, ...others])).toEqual({ kept: keptBut(5), lost: [{ first: 5, last: 5 }] });
  // What was added is no line of it.
  expect(left([...lines(), line(7), "what is this"])).toEqual({ kept: keptBut(), lost: [] });
});
