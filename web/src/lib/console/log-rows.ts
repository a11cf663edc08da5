import type { RunEvent } from "../../../../protocol/event.ts";
import { parseLine } from "../../../../protocol/ndjson.ts";
import { parseAnsi } from "./ansi.ts";
import { rowOf, SHOWN_CHARACTERS, type ConsoleRow } from "./console-row.ts";
import { ERASE, JoinedLines, type JoinedLine } from "./joined-lines.ts";
import type { LogLines } from "./log-lines.ts";

/** What has been read of a joined line, so that a part that comes costs no more than itself. */
type Read = { from: number; upTo: number; text: string; isError: boolean; last: RunEvent | null };

/** The rows of a log: what each says, and which lines have to be here for it. */
export class LogRows {
  readonly joined = new JoinedLines();
  readonly #log: LogLines;
  readonly #read = new WeakMap<JoinedLine, Read>();

  constructor(log: LogLines) {
    this.#log = log;
  }

  get count(): number {
    return this.joined.rowsUpTo(this.#log.head);
  }

  /** The row at `index`, from 0; nothing a line holds makes it throw. */
  at(index: number): ConsoleRow {
    const sequence = this.joined.sequenceAt(index);
    const line = this.joined.lineOf(sequence);
    return line === null ? rowOf(this.#log, sequence) : this.#rowOf(line);
  }

  /** The events that must be here to draw these rows, those among them that tell where a line began. */
  neededFor(first: number, last: number): number[] {
    const needed: number[] = [];
    for (let index = first; index <= last; index += 1) {
      const sequence = this.joined.sequenceAt(index);
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
    const isCut = read.text.length > SHOWN_CHARACTERS;
    return {
      kind: "output",
      sequence: line.first,
      lastPart: line.last,
      createdAt: read.last.created_at,
      spans: parseAnsi(isCut ? read.text.slice(0, SHOWN_CHARACTERS) : read.text),
      isError: read.isError,
      step: read.last.step ?? null,
      hiddenCharacters: isCut ? line.characters - SHOWN_CHARACTERS : 0,
    };
  }

  #readMore(line: JoinedLine): Read {
    const read = this.#begun(line);
    for (const sequence of this.#unread(line)) {
      const found = this.#log.line(sequence);
      if (found.kind === "awaited") break;
      const event = found.kind === "here" ? parseLine(found.line) : null;
      read.upTo = sequence;
      if (event === null) continue;
      const { message, level } = event.payload;
      const text = typeof message === "string" ? message : "";
      read.text += sequence === line.shownFrom && text.startsWith(ERASE) ? text.slice(ERASE.length) : text;
      read.isError ||= level === "error";
      read.last = event;
    }
    return read;
  }

  /** The parts of what is shown that have not been read, up to the length that is drawn. */
  *#unread(line: JoinedLine): Generator<number> {
    const read = this.#begun(line);
    for (const sequence of this.joined.shownParts(line, read.upTo)) {
      if (read.text.length > SHOWN_CHARACTERS) return;
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
