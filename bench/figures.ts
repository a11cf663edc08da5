export const quantile = (sorted: readonly number[], at: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;

export const quantileOf = (values: readonly number[], at: number): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    at,
  );

export const median = (values: readonly number[]): number => quantileOf(values, 0.5);

export function print(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(48)} ${figure}\n`);
}

export const whole = (value: number): string => Math.round(value).toLocaleString("en");

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
