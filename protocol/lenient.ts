import { isRecord } from "./ndjson.ts";

/** Readers of stored payloads: a value of the wrong kind is as good as an absent one. */
export const textOr = <Else>(value: unknown, otherwise: Else): string | Else =>
  typeof value === "string" ? value : otherwise;

/** Finite only: `1e400` is in a log with its digits, but reads as infinity, which JSON does not know. */
export const numberOr = <Else>(value: unknown, otherwise: Else): number | Else =>
  typeof value === "number" && Number.isFinite(value) ? value : otherwise;

export const integerOr = <Else>(value: unknown, otherwise: Else): number | Else =>
  typeof value === "number" && Number.isSafeInteger(value) ? value : otherwise;

export const recordOrEmpty = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});
