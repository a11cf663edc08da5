/** A power of ten that everything is drawn in: 1e308 and 5e-324 are values as good as others, but no one can calculate with their like. */
export function exponentOf(size: number): number {
  if (size === 0 || (size >= 1e-4 && size < 1e15)) return 0;
  return Math.max(-307, Math.floor(Math.log10(size)));
}

/** Values that differ by less of their size than this are one line: marks between them could not be told apart. */
const LEAST_SHARE = 1e-9;
/** In the power of ten that is drawn in, this is nothing: only numbers that end before their digits do come out so small. */
const NOTHING = 1e-12;

/** What a chart's height stands for, with some room at both ends, and never nothing. */
export function rangeOf(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (size < NOTHING) return [-1, 1];
  if (high - low <= size * LEAST_SHARE) return [low - size * 0.1, high + size * 0.1];
  const room = (high - low) * 0.08;
  // What is never negative is not drawn as if it could be.
  return [low >= 0 && low < room ? 0 : low - room, high + room];
}

/** Round values within the range, one more than `most` of them at most. */
export function marksOf(low: number, high: number, most: number): number[] {
  const rough = (high - low) / Math.max(1, most);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const distance = [1, 2, 5].map((times) => times * power).find((one) => one >= rough) ?? 10 * power;
  const first = Math.ceil(low / distance);
  const count = Math.max(0, Math.floor(high / distance) - first + 1);
  // Multiples, and not sums: 0.1 three times is not 0.3.
  return Array.from({ length: Math.min(most + 1, count) }, (_, at) =>
    Number(((first + at) * distance).toPrecision(12)),
  );
}

const UNITS = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
] as const;

/** Marks as they are written: short, all in one form, and no two the same. They stand for so many times ten to `exponent`. */
export function labelsOf(marks: readonly number[], exponent: number): string[] {
  const size = Math.max(...marks.map(Math.abs), 0);
  const distance = marks.length < 2 ? size : Math.abs((marks[1] ?? 0) - (marks[0] ?? 0));
  const [unit, sign] =
    exponent !== 0
      ? [1, `e${exponent}`]
      : ((size >= 10_000 ? UNITS.find(([one]) => size >= one) : undefined) ?? [1, ""]);
  const share = distance / unit;
  const digits = share > 0 ? Math.max(0, Math.min(15, -Math.floor(Math.log10(share) + 1e-9))) : 0;
  return marks.map((mark) => (mark === 0 ? "0" : `${(mark / unit).toFixed(digits)}${sign}`));
}
