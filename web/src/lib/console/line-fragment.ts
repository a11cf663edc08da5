/** `#L120` → 120: the sequence is the line's number in the gutter, in links and in the log. Null for anything else. */
export function parseLineFragment(hash: string): number | null {
  const digits = /^#L([1-9]\d{0,15})$/.exec(hash)?.[1];
  const sequence = digits === undefined ? Number.NaN : Number(digits);
  return Number.isSafeInteger(sequence) ? sequence : null;
}
