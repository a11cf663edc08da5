import type { SequenceRange } from "./log-lines.ts";

/** What the part of an address behind `#` points at: lines by their sequence, or a moment of the log. */
export type LogPlace = ({ kind: "lines" } & SequenceRange) | { kind: "moment"; at: string };

/** `#L120`, `#L120-L160`, `#T2026-11-21T02:30:00.123Z`; null for anything else. A range may be given from its end. */
export function parseFragment(hash: string): LogPlace | null {
  const lines = /^#L([1-9]\d{0,15})(?:-L?([1-9]\d{0,15}))?$/.exec(hash);
  if (lines !== null) {
    const [from, to] = [Number(lines[1]), Number(lines[2] ?? lines[1])];
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) return null;
    return { kind: "lines", first: Math.min(from, to), last: Math.max(from, to) };
  }
  const at = /^#T(\d{4}-\d\d-\d\dT[\d:.%A-Fa-f]{5,30}(?:Z|[+-]\d\d:\d\d))$/.exec(hash)?.[1];
  if (at === undefined) return null;
  const time = Date.parse(at.replaceAll(/%3A/gi, ":"));
  return Number.isNaN(time) ? null : { kind: "moment", at: new Date(time).toISOString() };
}

export const linesFragment = ({ first, last }: SequenceRange): string =>
  first === last ? `#L${first}` : `#L${first}-L${last}`;

export const momentFragment = (at: string): string => `#T${at}`;
