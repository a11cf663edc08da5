const grouped = new Intl.NumberFormat("en-US");
const oneDigit = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

/** `1,204,331`. */
export const formatCount = (count: number): string => grouped.format(count);

/** `1 event`, `1,204 events`. */
export const formatPlural = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** A measured value as a person reads it: six digits say all, the log keeps the rest. Beyond what is counted in whole numbers, as `1e+308`. */
export const formatNumber = (value: number): string =>
  Number.isSafeInteger(value) ? formatCount(value) : String(Number(value.toPrecision(6)));

/** `64 %`; never `100 %` before the end is reached, so that a bar that looks full is full. */
export function formatPercent(percent: number): string {
  const bounded = Math.min(100, Math.max(0, percent));
  return `${bounded < 100 ? Math.min(99, Math.round(bounded)) : 100} %`;
}

/** `1.2M`, `14.3k`, `999`: for a column where only the size of the number matters. */
export function formatShort(count: number): string {
  if (count < 1000) return String(count);
  if (count < 999_950) return `${oneDigit.format(count / 1000)}k`;
  if (count < 999_950_000) return `${oneDigit.format(count / 1_000_000)}M`;
  return `${oneDigit.format(count / 1_000_000_000)}G`;
}

/** `312 B`, `1.2 KiB`, `48 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size < 10 && unit > 0 ? oneDigit.format(size) : Math.round(size)} ${units[unit] ?? "B"}`;
}
