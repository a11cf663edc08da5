import type { RunEvent } from "../../../../protocol/event.ts";
import { parseLine } from "../../../../protocol/ndjson.ts";
import { stripAnsi } from "./ansi.ts";
import { drawnPart, lengthOf, MORE_CHARACTERS, rowOf, SHOWN_CHARACTERS, type ConsoleRow } from "./console-row.ts";
import { ERASE, JoinedLines, type JoinedLine } from "./joined-lines.ts";
import type { LogLines } from "./log-lines.ts";

/** What has been read of a joined line, so that a part that comes costs no more than itself. */
type Read = { from: number; upTo: number; text: string; isError: boolean; last: RunEvent | null };

/** The rows of a log: what each says, and which lines have to be here for it. */
export class LogRows {
  readonly joined = new JoinedLines();
  readonly #log: LogLines;
  readonly #read = new WeakMap<JoinedLine, Read>();
  /** Long lines of which one wants to see more, by their first part. */
  readonly #shown = new Map<number, number>();

  constructor(log: LogLines) {
    this.#log = log;
  }

  get count(): number {
    return this.joined.rowsUpTo(this.#log.head);
  }

  /** The row at `index`, from 0. */
  at(index: number): ConsoleRow {
    return this.of(this.joined.sequenceAt(index));
  }

  /** The row in which the event is seen; nothing a line holds makes it throw. */
  of(sequence: number): ConsoleRow {
    const line = this.joined.lineOf(sequence);
    return line === null ? rowOf(this.#log, sequence, this.#shownOf(sequence)) : this.#rowOf(line);
  }

  /** Draws more of a long line. */
  showMore(sequence: number): void {
    this.#shown.set(sequence, this.#shownOf(sequence) + MORE_CHARACTERS);
  }

  /** All that the event's row says, however long; null when it is not here. */
  textOf(sequence: number): string | null {
    const line = this.joined.lineOf(sequence);
    if (line === null) return textOfRow(rowOf(this.#log, sequence, Infinity));
    let text = "";
    for (const part of this.joined.shownParts(line)) {
      const found = this.#log.line(part);
      if (found.kind === "awaited") return null;
      if (found.kind === "here") text += saidBy(parseLine(found.line), part === line.shownFrom);
    }
    return stripAnsi(text);
  }

  /** Every event that the row of this one is made of. */
  partsOf(sequence: number): readonly number[] {
    const line = this.joined.lineOf(sequence);
    return line === null ? [sequence] : [...this.joined.shownParts(line)];
  }

  /** The events that must be here to draw these rows, those among them that tell where a line began. */
  neededFor(sequences: Iterable<number>): number[] {
    const needed: number[] = [];
    for (const sequence of sequences) {
      const line = this.joined.lineOf(sequence);
      if (line === null) needed.push(sequence);
      else for (const part of this.#unread(line)) needed.push(part);
      const before = this.joined.unknownBefore(sequence);
      if (before !== null) needed.push(before);
    }
    return needed;
  }

  #rowOf(line: JoinedLine): ConsoleRow {
    const read = this.#readMore(line);
    if (read.last === null) return { kind: "awaited", sequence: line.first };
    const part = drawnPart(read.text, this.#shownOf(line.first));
    const [unread] = this.joined.shownParts(line, read.upTo);
    return {
      kind: "output",
      sequence: line.first,
      lastPart: line.last,
      createdAt: read.last.created_at,
      ...part,
      // Its end is not here yet: what is drawn of it would be of its middle.
      ...(unread === undefined || part.hiddenCharacters === 0
        ? {}
        : { tail: [], hiddenCharacters: Math.max(1, line.characters - lengthOf(part.spans)) }),
      isError: read.isError,
      step: read.last.step ?? null,
    };
  }

  #shownOf(sequence: number): number {
    return this.#shown.get(sequence) ?? SHOWN_CHARACTERS;
  }

  #readMore(line: JoinedLine): Read {
    const read = this.#begun(line);
    for (const sequence of this.#unread(line)) {
      const found = this.#log.line(sequence);
      if (found.kind === "awaited") break;
      const event = found.kind === "here" ? parseLine(found.line) : null;
      read.upTo = sequence;
      if (event === null) continue;
      read.text += saidBy(event, sequence === line.shownFrom);
      read.isError ||= event.payload["level"] === "error";
      read.last = event;
    }
    return read;
  }

  /** The parts of what is shown that have not been read, up to the length that is drawn. */
  *#unread(line: JoinedLine): Generator<number> {
    const read = this.#begun(line);
    for (const sequence of this.joined.shownParts(line, read.upTo)) {
      if (read.text.length > this.#shownOf(line.first) + SHOWN_CHARACTERS) return;
      yield sequence;
    }
  }

  #begun(line: JoinedLine): Read {
    const known = this.#read.get(line);
    if (known !== undefined && known.from === line.shownFrom) return known;
    const begun = { from: line.shownFrom, upTo: 0, text: "", isError: line.stream === "stderr", last: null };
    this.#read.set(line, begun);
    return begun;
  }
}

/** What the part adds to its line. */
function saidBy(event: RunEvent | null, beginsAnew: boolean): string {
  const message = event?.payload["message"];
  if (typeof message !== "string") return "";
  return beginsAnew && message.startsWith(ERASE) ? message.slice(ERASE.length) : message;
}

function textOfRow(row: ConsoleRow): string | null {
  if (row.kind === "awaited") return null;
  if (row.kind === "damaged") return "";
  return row.kind === "event" ? row.text : row.spans.reduce((text, span) => text + span.text, "");
}
