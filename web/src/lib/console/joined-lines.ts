import type { RunEvent } from "../../../../protocol/event.ts";
import { blockOf, lastOfBlock } from "./log-lines.ts";

/** How a part says that it begins its line anew, as a terminal shows it: back to the first column, and erase. */
export const ERASE = "\r\u001B[K";

const STREAMS = ["stdout", "stderr"] as const;
export type Stream = (typeof STREAMS)[number];

/** A line of output that came in parts. It is one row, at the place and with the number of its first part. */
export type JoinedLine = {
  readonly stream: Stream;
  first: number;
  /** Its last part, as far as is known. */
  last: number;
  /** What the row shows begins with this part: the last that began the line anew, else the first. */
  shownFrom: number;
  /** Of what the row shows, other escapes included. */
  characters: number;
};

/** Where a block of the log begins and ends for one stream. What is between is settled; its edges wait for their neighbours. */
type Edge = {
  /** The stream's first console line in the block; null: it has none. */
  first: { sequence: number; erases: boolean; characters: number } | null;
  /** The line that the block leaves unfinished. */
  open: JoinedLine | null;
};
type Parts = {
  first: number;
  last: number;
  line: JoinedLine;
  /** Parts that have no row, before this range. */
  before: number;
};

/** A line of one stream is unfinished over at most so many blocks in which that stream says nothing: further back is not looked. */
const QUIET_BLOCKS = 2;

/**
 * Which events of a log are rows of the console: all but the parts that continue a line of output. Lines come in any order of blocks, as they
 * are read; what a block's first line continues is known once the block before it is. A part counts as a row until then.
 */
export class JoinedLines {
  readonly #edges = new Map<number, Record<Stream, Edge>>();
  readonly #byFirst = new Map<number, JoinedLine>();
  /** Lines that turned out to be the rest of an earlier one. */
  readonly #joinedTo = new WeakMap<JoinedLine, JoinedLine>();
  /** Parts that have no row of their own, in order. */
  readonly #parts: Parts[] = [];
  /** So many of them know what is before them. */
  #counted = 0;
  #revision = 0;

  /** Moves whenever an event has turned out to have no row of its own. */
  get revision(): number {
    return this.#revision;
  }

  /** The next line, in order; `event` null when it cannot be read. */
  append(sequence: number, event: RunEvent | null): void {
    this.#take(event, this.#edgesOf(blockOf(sequence)));
  }

  /** The lines of a whole block, read by themselves. */
  fill(block: number, events: readonly RunEvent[]): void {
    if (this.#edges.has(block)) return;
    const edges = this.#edgesOf(block);
    for (const event of events) this.#take(event, edges);
    for (const stream of STREAMS) this.#joinNext(block, stream);
  }

  /** The line that the event is a part of; null for what is a row by itself. */
  lineOf(sequence: number): JoinedLine | null {
    const part = this.#parts[this.#indexOf(sequence)];
    if (part !== undefined && sequence <= part.last) return this.#resolve(part.line);
    return this.#byFirst.get(sequence) ?? null;
  }

  /** Rows among the first `sequence` events. */
  rowsUpTo(sequence: number): number {
    this.#count();
    const part = this.#parts[this.#indexOf(sequence)];
    return part === undefined ? sequence : sequence - part.before - (Math.min(sequence, part.last) - part.first + 1);
  }

  /** The row, from 0, in which one sees the event. */
  rowOf(sequence: number): number {
    return this.rowsUpTo(this.lineOf(sequence)?.first ?? sequence) - 1;
  }

  /** Of a part that has lost its row: that of its line if it stands just above, else the one that has come up in its place. */
  rowInPlaceOf(sequence: number): number {
    const row = this.rowOf(sequence);
    const rows = this.rowsUpTo(sequence);
    return row === rows - 1 ? row : rows;
  }

  /** The event whose row this is. */
  sequenceAt(row: number): number {
    this.#count();
    let low = 0;
    let high = this.#parts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const part = this.#parts[middle];
      // Rows in front of the range: its first event would have the row of this number.
      if (part !== undefined && part.first - 1 - part.before <= row) low = middle + 1;
      else high = middle;
    }
    const part = this.#parts[low - 1];
    return part === undefined ? row + 1 : row + 1 + part.before + (part.last - part.first + 1);
  }

  /** The parts that the line's row shows, in order. */
  *shownParts(line: JoinedLine, after = 0): Generator<number> {
    const from = Math.max(line.shownFrom, after + 1);
    if (from === line.first) yield from;
    for (let at = Math.max(0, this.#indexOf(from)); at < this.#parts.length; at += 1) {
      const part = this.#parts[at];
      if (part === undefined || part.first > line.last) return;
      if (this.#resolve(part.line) !== line) continue;
      for (let sequence = Math.max(part.first, from); sequence <= part.last; sequence += 1) yield sequence;
    }
  }

  /** Where to read to know whether the event continues a line of an earlier block; null when that is known. */
  unknownBefore(sequence: number): number | null {
    const block = blockOf(sequence);
    const stream = STREAMS.find((one) => this.#edges.get(block)?.[one].first?.sequence === sequence);
    if (stream === undefined) return null;
    for (let before = block - 1; before >= Math.max(0, block - 1 - QUIET_BLOCKS); before -= 1) {
      const edge = this.#edges.get(before)?.[stream];
      if (edge === undefined) return lastOfBlock(before);
      if (edge.first !== null) return null;
    }
    return null;
  }

  #take(event: RunEvent | null, edges: Record<Stream, Edge>): void {
    if (event?.type !== "console.line") return;
    const { sequence, payload } = event;
    const stream = streamOf(event);
    const edge = edges[stream];
    const message = typeof payload["message"] === "string" ? payload["message"] : "";
    const erases = message.startsWith(ERASE);
    const said = { sequence, erases, characters: message.length - (erases ? ERASE.length : 0) };
    let line = edge.first === null ? this.#openBefore(blockOf(sequence), stream) : this.#resolveOpen(edge.open);
    edge.first ??= said;
    if (line !== null) this.#continue(line, said);
    else if (payload["partial"] === true) {
      line = { stream, first: sequence, last: sequence, shownFrom: sequence, characters: said.characters };
      this.#byFirst.set(sequence, line);
    }
    edge.open = payload["partial"] === true ? line : null;
  }

  #continue(line: JoinedLine, said: NonNullable<Edge["first"]>): void {
    this.#hide(said.sequence, line);
    line.last = said.sequence;
    if (said.erases) line.shownFrom = said.sequence;
    line.characters = said.erases ? said.characters : line.characters + said.characters;
  }

  /** What the block leaves unfinished goes on with the next line of that stream, if that is here already. */
  #joinNext(block: number, stream: Stream): void {
    const line = this.#openBefore(block + 1, stream);
    if (line === null) return;
    for (let next = block + 1; ; next += 1) {
      const edge = this.#edges.get(next)?.[stream];
      if (edge === undefined) return;
      if (edge.first === null) continue;
      const rest = this.#byFirst.get(edge.first.sequence);
      this.#continue(line, edge.first);
      if (rest === undefined) return;
      this.#byFirst.delete(rest.first);
      this.#joinedTo.set(rest, line);
      line.last = rest.last;
      line.characters += rest.characters - edge.first.characters;
      if (rest.shownFrom !== rest.first) {
        line.shownFrom = rest.shownFrom;
        line.characters = rest.characters;
      }
      return;
    }
  }

  #openBefore(block: number, stream: Stream): JoinedLine | null {
    for (let before = block - 1; before >= 0; before -= 1) {
      const edge = this.#edges.get(before)?.[stream];
      if (edge === undefined) return null;
      if (edge.first !== null) return this.#resolveOpen(edge.open);
    }
    return null;
  }

  #resolveOpen(line: JoinedLine | null): JoinedLine | null {
    return line === null ? null : this.#resolve(line);
  }

  #resolve(line: JoinedLine): JoinedLine {
    let found = line;
    for (let next = this.#joinedTo.get(found); next !== undefined; next = this.#joinedTo.get(found)) found = next;
    return found;
  }

  #hide(sequence: number, line: JoinedLine): void {
    this.#revision += 1;
    const at = this.#indexOf(sequence);
    const part = this.#parts[at];
    if (part !== undefined && part.last + 1 === sequence && this.#resolve(part.line) === line) part.last = sequence;
    else this.#parts.splice(at + 1, 0, { first: sequence, last: sequence, line, before: 0 });
    this.#counted = Math.min(this.#counted, at + 1);
  }

  /** Lines are taken a block at a time, and counted once behind it. */
  #count(): void {
    for (; this.#counted < this.#parts.length; this.#counted += 1) {
      const [before, part] = [this.#parts[this.#counted - 1], this.#parts[this.#counted]];
      if (part !== undefined) part.before = before === undefined ? 0 : before.before + (before.last - before.first + 1);
    }
  }

  #edgesOf(block: number): Record<Stream, Edge> {
    const known = this.#edges.get(block);
    if (known !== undefined) return known;
    const edges = { stdout: { first: null, open: null }, stderr: { first: null, open: null } };
    this.#edges.set(block, edges);
    return edges;
  }

  /** Of the last range that begins at or before the event; -1 when none does. */
  #indexOf(sequence: number): number {
    let low = 0;
    let high = this.#parts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#parts[middle]?.first ?? Number.POSITIVE_INFINITY) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

export const streamOf = ({ payload }: RunEvent): Stream => (payload["stream"] === "stderr" ? "stderr" : "stdout");
