import type { Refusal } from "./error-code.ts";
import { parseTypes } from "./type-filter.ts";

/** Query parameters that several readers share. `URLSearchParams` has this shape. */
export type Query = { get(name: string): string | null; getAll(name: string): string[] };

export type Parsed<Value> = { kind: "ok"; value: Value } | { kind: "refused"; refusal: Refusal };

const refused = (detail: string): { kind: "refused"; refusal: Refusal } => ({
  kind: "refused",
  refusal: { code: "INVALID_QUERY", detail },
});

/** A parameter that is there twice: nobody can say which of its values is meant. */
export function refuseRepeats(query: Query, names: readonly string[]): Refusal | null {
  const repeated = names.find((name) => query.getAll(name).length > 1);
  return repeated === undefined ? null : { code: "INVALID_QUERY", detail: `${repeated} is there twice: send it once` };
}

/** A whole number in decimal, without sign, below 2^53; null when the text is not one. */
export function parseWholeNumber(text: string): number | null {
  if (!/^\d{1,16}$/.test(text)) return null;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : null;
}

/** `after_sequence=n`, or its alias `from_sequence=n+1`; 0 without either. Both at once cannot be read. */
export function parsePosition(query: Query): Parsed<number> {
  const after = query.get("after_sequence");
  const from = query.get("from_sequence");
  if (after !== null && from !== null)
    return refused("after_sequence and from_sequence say the same thing: send one of them");
  if (after !== null) {
    const sequence = parseWholeNumber(after);
    return sequence === null
      ? refused("after_sequence must be a whole number from 0")
      : { kind: "ok", value: sequence };
  }
  if (from !== null) {
    const sequence = parseWholeNumber(from);
    return sequence === null || sequence < 1
      ? refused("from_sequence must be a whole number from 1")
      : { kind: "ok", value: sequence - 1 };
  }
  return { kind: "ok", value: 0 };
}

/** `types=…`, or null when every event is wanted. */
export function parseTypesQuery(query: Query): Parsed<string[] | null> {
  const list = query.get("types");
  if (list === null) return { kind: "ok", value: null };
  const types = parseTypes(list);
  return types === null
    ? refused("types must be a comma list of event types; step.* stands for all types that begin with step.")
    : { kind: "ok", value: types };
}

/** `true` or `false`; false when it is not there. */
export function parseFlag(query: Query, name: string): Parsed<boolean> {
  const flag = query.get(name);
  if (flag === null || flag === "false") return { kind: "ok", value: false };
  return flag === "true" ? { kind: "ok", value: true } : refused(`${name} must be true or false`);
}

/** `ansi=keep|strip`: whether escape sequences are left out of a text; they are kept when it is not there. */
export function parseAnsi(query: Query): Parsed<boolean> {
  const ansi = query.get("ansi");
  return ansi === null || ansi === "keep" || ansi === "strip"
    ? { kind: "ok", value: ansi === "strip" }
    : refused("ansi must be keep or strip");
}

export type LiveQuery = { afterSequence: number; types: string[] | null; stay: boolean };

/** The query of a `runcast.v1` socket. */
export function parseLiveQuery(query: Query): Parsed<LiveQuery> {
  const repeats = refuseRepeats(query, ["after_sequence", "from_sequence", "types", "stay"]);
  if (repeats !== null) return { kind: "refused", refusal: repeats };
  const position = parsePosition(query);
  if (position.kind === "refused") return position;
  const types = parseTypesQuery(query);
  if (types.kind === "refused") return types;
  const stay = parseFlag(query, "stay");
  if (stay.kind === "refused") return stay;
  return { kind: "ok", value: { afterSequence: position.value, types: types.value, stay: stay.value } };
}

const PRODUCER_ID = /^[\x20-\x7e]{1,200}$/;
export const isProducerId = (id: string): boolean => PRODUCER_ID.test(id);

/** The query of a `runcast.produce.v1` socket. */
export function parseProduceQuery(query: Query): Parsed<{ id: string; epoch: number }> {
  const repeats = refuseRepeats(query, ["producer_id", "producer_epoch"]);
  if (repeats !== null) return { kind: "refused", refusal: repeats };
  const id = query.get("producer_id");
  const epoch = parseWholeNumber(query.get("producer_epoch") ?? "");
  if (id === null || !isProducerId(id)) return refused("producer_id must be 1 to 200 printable ASCII characters");
  return epoch === null
    ? refused("producer_epoch must be a whole number from 0")
    : { kind: "ok", value: { id, epoch } };
}
