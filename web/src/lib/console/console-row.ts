import type { RunEvent } from "../../../../protocol/event.ts";
import { parseLine } from "../../../../protocol/ndjson.ts";
import { parseAnsi, type AnsiSpan } from "./ansi.ts";
import { describeEvent, type Tone } from "./describe-event.ts";
import type { LogLines } from "./log-lines.ts";

/** Longer lines are drawn this far, and their end; the middle when it is asked for, so much at a time: a quarter of a megabyte in one row would make the page stutter. */
export const SHOWN_CHARACTERS = 8_000;
const SHOWN_AT_END = 1_000;
export const MORE_CHARACTERS = 32_000;
/** Of what is drawn of its end. */
const SPANS_AT_END = 20;

type Placed = { sequence: number; createdAt: string };
/** What one row of the console shows. */
export type ConsoleRow =
  | (Placed & {
      kind: "output";
      spans: AnsiSpan[];
      isError: boolean;
      /** Of a line that came in parts; of any other the line itself. */
      lastPart: number;
      step: string | null;
      /** Not drawn behind `spans`, and before `tail`. */
      hiddenCharacters: number;
      tail: AnsiSpan[];
    })
  | (Placed & { kind: "event"; type: string; mark: string; text: string; tone: Tone; percent: number | null })
  | { kind: "damaged"; sequence: number }
  | { kind: "awaited"; sequence: number };

/** The row of a line that is whole; nothing it holds makes it throw. */
export function rowOf(log: LogLines, sequence: number, shown = SHOWN_CHARACTERS): ConsoleRow {
  const found = log.line(sequence);
  if (found.kind !== "here") return { kind: found.kind, sequence };
  const event = parseLine(found.line);
  return event === null ? { kind: "damaged", sequence } : rowOfEvent(event, found.line, shown);
}

/** `line`: the event as it came; `shown`: how far a long one is drawn. */
export function rowOfEvent(event: RunEvent, line: string, shown = SHOWN_CHARACTERS): ConsoleRow {
  const placed = { sequence: event.sequence, createdAt: event.created_at };
  const { message, stream, level } = event.payload;
  if (event.type !== "console.line" || typeof message !== "string") {
    return { ...placed, kind: "event", type: event.type, ...describeEvent(event, line) };
  }
  return {
    ...placed,
    kind: "output",
    lastPart: event.sequence,
    ...drawnPart(message, shown),
    isError: stream === "stderr" || level === "error",
    step: event.step ?? null,
  };
}

type DrawnPart = { spans: AnsiSpan[]; hiddenCharacters: number; tail: AnsiSpan[] };

/** What is drawn of a line's text: all of it, or its beginning and its end. */
export function drawnPart(message: string, shown: number): DrawnPart {
  if (message.length <= shown + SHOWN_AT_END) return { spans: parseAnsi(message), hiddenCharacters: 0, tail: [] };
  const all = parseWhole(message);
  const characters = lengthOf(all);
  if (characters <= shown + SHOWN_AT_END) return { spans: all, hiddenCharacters: 0, tail: [] };
  return {
    spans: sliceSpans(all, 0, shown),
    hiddenCharacters: characters - shown - SHOWN_AT_END,
    tail: mergeRest(sliceSpans(all, characters - SHOWN_AT_END, characters), SPANS_AT_END),
  };
}

/** Drawn again and again while one scrolls, and parsed once; a page shows few of them. */
const parsed = new Map<string, AnsiSpan[]>();
const PARSED_LINES = 8;

function parseWhole(message: string): AnsiSpan[] {
  const spans = parsed.get(message) ?? parseAnsi(message);
  parsed.delete(message);
  parsed.set(message, spans);
  for (const oldest of parsed.keys()) if (parsed.size > PARSED_LINES) parsed.delete(oldest);
  return spans;
}

export const lengthOf = (spans: readonly AnsiSpan[]): number => spans.reduce((sum, { text }) => sum + text.length, 0);

/** The characters `from` to before `to`; never half of one that takes two units. */
function sliceSpans(spans: readonly AnsiSpan[], from: number, to: number): AnsiSpan[] {
  const kept: AnsiSpan[] = [];
  let at = 0;
  for (const { text, style } of spans) {
    const part = text.slice(Math.max(0, from - at), Math.max(0, to - at));
    if (part !== "") kept.push({ text: part.toWellFormed(), style });
    at += text.length;
  }
  return kept;
}

/** Spans drawn at a time. With what else a row needs, the page stays well below 2,000 nodes. */
const SPAN_BUDGET = 450;

/**
 * Keeps the spans of all rows together within the budget: the most colourful rows lose colour at their end, never text. Ordinary output
 * is far below it; this is for a line that changes colour with every character.
 */
export function boundSpans(rows: ConsoleRow[], budget = SPAN_BUDGET): ConsoleRow[] {
  const counts = rows.map((row) => (row.kind === "output" ? row.spans.length : 0));
  if (counts.reduce((sum, count) => sum + count, 0) <= budget) return rows;
  const limit = fairLimit(counts, budget);
  return rows.map((row) =>
    row.kind === "output" && row.spans.length > limit ? { ...row, spans: mergeRest(row.spans, limit) } : row,
  );
}

/** The greatest limit per row that keeps the sum within `budget`, at least 1. */
function fairLimit(counts: number[], budget: number): number {
  let left = budget;
  const rising = counts.toSorted((a, b) => a - b);
  for (const [i, count] of rising.entries()) {
    const share = Math.floor(left / (rising.length - i));
    if (count > share) return Math.max(1, share);
    left -= count;
  }
  return Math.max(1, left);
}

function mergeRest(spans: AnsiSpan[], limit: number): AnsiSpan[] {
  if (spans.length <= limit) return spans;
  const kept = spans.slice(0, limit - 1);
  const rest = spans.slice(limit - 1);
  const style = rest[0]?.style;
  return style === undefined ? kept : [...kept, { text: rest.reduce((text, span) => text + span.text, ""), style }];
}

/** Columns the row needs, a tab counted as eight: the console is as wide as its widest line so far. */
export function columnsOf(row: ConsoleRow): number {
  if (row.kind === "event") return row.text.length + row.mark.length + 4;
  if (row.kind !== "output") return 0;
  let columns = row.hiddenCharacters > 0 ? 40 : 0;
  for (const { text } of [...row.spans, ...row.tail])
    for (const character of text) columns += character === "\t" ? 8 : isWide(character) ? 2 : 1;
  return columns;
}

/** East Asian wide characters and emoji take two columns, roughly; the width only decides how far one can scroll. */
const isWide = (character: string): boolean => (character.codePointAt(0) ?? 0) >= 0x1100;
