import { isRecord } from "../../../protocol/ndjson.ts";
import { hasEscapes, plainWithPositions } from "../escape-sequences.ts";
import { formsOf } from "./secret-forms.ts";

const MASK = "***";
type Range = { start: number; end: number };

/**
 * What must not leave this machine. Everything that is sent passes through here first; what was added is masked from then on. A secret is
 * also found when colours stand between its characters.
 */
export class Masks {
  #forms: string[] = [];
  #any: RegExp | null = null;

  constructor(secrets: Iterable<string> = []) {
    this.add(...secrets);
  }

  add(...secrets: string[]): void {
    const forms = new Set([...this.#forms, ...secrets.filter((secret) => secret !== "").flatMap(formsOf)]);
    if (forms.size === this.#forms.length) return;
    this.#forms = [...forms];
    this.#any = new RegExp(this.#forms.map((form) => form.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"));
  }

  text(text: string): string {
    const ranges = this.#find(text);
    if (ranges.length === 0) return text;
    let masked = "";
    let at = 0;
    for (const { start, end } of ranges) {
      // What colours it has inside stays in force behind it.
      const colours = hasEscapes(text) ? escapesIn(text.slice(start, end)) : "";
      masked += text.slice(at, start) + MASK + colours;
      at = end;
    }
    return masked + text.slice(at);
  }

  /** The same value with every text in it masked, names of fields too. */
  value<T>(value: T): T;
  value(value: unknown): unknown {
    if (typeof value === "string") return this.text(value);
    if (Array.isArray(value)) return value.map((one: unknown) => this.value(one));
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [this.text(name), this.value(one)]));
  }

  /** The greatest position up to `at` where the text may be cut: no secret lies across it, and none could begin before it and end later. */
  safeCut(text: string, at: number): number {
    if (this.#any === null) return at;
    const held = this.#heldFrom(text);
    let cut = Math.min(at, held);
    for (const { start, end } of this.#find(text).toReversed()) if (start < cut && cut < end) cut = start;
    return cut;
  }

  /** Where the end of the text begins that is the beginning of a secret, as far as it goes. */
  #heldFrom(text: string): number {
    const held = this.#heldPlainFrom(text);
    if (!hasEscapes(text)) return held;
    const { plain, positions } = plainWithPositions(text);
    return Math.min(held, positions[this.#heldPlainFrom(plain)] ?? text.length);
  }

  #heldPlainFrom(text: string): number {
    const longest = Math.max(...this.#forms.map(({ length }) => length));
    for (let start = Math.max(0, text.length - longest + 1); start < text.length; start += 1) {
      const end = text.slice(start);
      if (this.#forms.some((form) => form.startsWith(end))) return start;
    }
    return text.length;
  }

  /** As the bytes stand, and as they look: colours may stand within a secret, and what looks like a colour's end may be a secret's beginning. */
  #find(text: string): Range[] {
    if (this.#any === null) return [];
    if (!hasEscapes(text)) return merge(this.#findPlain(text));
    const { plain, positions } = plainWithPositions(text);
    const seen = this.#findPlain(plain).map(({ start, end }) => ({
      start: positions[start] ?? 0,
      end: (positions[end - 1] ?? 0) + 1,
    }));
    return merge([...this.#findPlain(text), ...seen]);
  }

  /** Every place of every form. */
  #findPlain(text: string): Range[] {
    if (this.#any?.test(text) !== true) return [];
    const found: Range[] = [];
    for (const form of this.#forms) {
      for (let start = text.indexOf(form); start !== -1; start = text.indexOf(form, start + 1)) {
        found.push({ start, end: start + form.length });
      }
    }
    return found;
  }
}

/** Those that touch or overlap as one, so that no end of the longer one sticks out. */
function merge(ranges: Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else merged.push({ ...range });
  }
  return merged;
}

function escapesIn(text: string): string {
  const { positions } = plainWithPositions(text);
  const visible = new Set(positions);
  return Array.from({ length: text.length }, (_, index) => (visible.has(index) ? "" : text.charAt(index))).join("");
}
