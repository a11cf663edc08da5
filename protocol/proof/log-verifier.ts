import { parseLine } from "../ndjson.ts";
import {
  inOrder,
  meets,
  note,
  SequenceCheck,
  type DamagedRange,
  type SequenceRange,
  type Taken,
} from "./sequence-check.ts";

/** A hash that takes its bytes a piece at a time. */
export type Hash = { update(bytes: Uint8Array): Promise<void>; hex(): Promise<string> };

/** Lines that were stored together. `sha256` is what their bytes hashed to then; null where nothing says. */
export type ProvedPart = { firstSequence: number; lastSequence: number; sha256: string | null };

/** What was known of a log's bytes before they were read. */
export type Expected = { kind: "hash"; sha256: string } | { kind: "nothing" };

export type LogProof = {
  /** 1..head, each once, and every byte as it was hashed when it was stored. */
  complete: boolean;
  events: number;
  /** Of all lines as they are stored, with their newlines, in hex. */
  sha256: string;
  gaps: SequenceRange[];
  damaged: DamagedRange[];
};

/** Four times what a line can take: something longer is none, and is not kept to be looked at. */
const LINE_BYTES_MAX = 1024 * 1024;
export const NEWLINE = 0x0a;

/**
 * Computes again what is known of a log's bytes, as they come: sequences, and the hash of each part that was stored at a time. The parts are found by the sequences
 * of their lines, not by their sizes, so that a missing line spoils the hash of its own part only. Holds one line and one piece. [VER1] [VER2]
 */
export class LogVerifier {
  readonly #newHash: () => Hash;
  readonly #whole: Hash;
  readonly #check = new SequenceCheck();
  /** What is being read holds no line beyond this. */
  #readTo = 0;
  #head: number;
  #bytes = 0;
  #part: { hash: Hash; known: ProvedPart } | null = null;
  #later: ProvedPart[] = [];
  #waiting: Uint8Array | null = null;

  constructor(newHash: () => Hash, head: number) {
    this.#newHash = newHash;
    this.#whole = newHash();
    this.#head = head;
  }

  get progress(): { events: number; bytes: number } {
    return { events: this.#check.events, bytes: this.#bytes };
  }

  /** Reads bytes that hold `parts`, one after the other; none: nobody knows how far they go. Answers after each piece, so that whoever asked can tell how far it is. */
  async *read(parts: readonly ProvedPart[], body: AsyncIterable<Uint8Array>): AsyncGenerator<void, void> {
    this.#later = [...parts];
    this.#readTo = parts.at(-1)?.lastSequence ?? Number.MAX_SAFE_INTEGER;
    if (parts.length > 0) this.#reach(this.#readTo);
    await this.#nextPart();
    let held: Uint8Array = new Uint8Array();
    for await (const piece of body) {
      this.#bytes += piece.length;
      await this.#whole.update(piece);
      held = await this.#takeLines(held.length === 0 ? piece : concat(held, piece));
      if (held.length > LINE_BYTES_MAX) {
        // Whatever it is, its end is looked for without it: one unreadable line, in two pieces at most.
        await this.#hash(held);
        held = held.slice(0, 0);
      }
      yield;
    }
    // A line ends with a newline; what does not is a part of one.
    if (held.length > 0) await this.#take(null, held);
    await this.#settle(null);
    for (; this.#part !== null;) await this.#nextPart();
  }

  /** The object that held these lines is gone. */
  lose({ firstSequence, lastSequence }: ProvedPart): void {
    this.#reach(lastSequence);
    this.#check.lose(firstSequence, lastSequence);
  }

  /** `expected` of all bytes together; null where the hashes of the parts are enough. A log of which nothing is known proves nothing. */
  async finish(expected: Expected | null): Promise<LogProof> {
    this.#check.end(this.#head);
    const { gaps, damaged, events } = this.#check;
    const found = await this.#whole.hex();
    const isSound = gaps.length === 0 && damaged.length === 0;
    if (isSound && expected !== null && !(expected.kind === "hash" && expected.sha256 === found)) {
      const reason = expected.kind === "hash" ? "altered" : "unproved";
      note(damaged, { first: 1, last: this.#head, reason });
    }
    return {
      complete: gaps.length === 0 && damaged.length === 0,
      events,
      sha256: found,
      gaps: inOrder(gaps),
      damaged: inOrder(damaged),
    };
  }

  /** Of a run that is still written the head moves while its log is read. */
  #reach(sequence: number): void {
    this.#head = Math.max(this.#head, sequence);
  }

  /** Takes the whole lines of `bytes`; answers with the rest. */
  async #takeLines(bytes: Uint8Array): Promise<Uint8Array> {
    let hashed = 0;
    let at = 0;
    for (let end = bytes.indexOf(NEWLINE, at); end !== -1; end = bytes.indexOf(NEWLINE, at)) {
      const told = sequenceOf(bytes.subarray(at, end));
      const sequence = told !== null && told <= this.#readTo ? told : null;
      if (!this.#isNext(sequence)) {
        await this.#hash(bytes.subarray(hashed, at));
        await this.#take(sequence, bytes.subarray(at, end + 1));
        hashed = end + 1;
      } else this.#check.take(sequence);
      at = end + 1;
    }
    await this.#hash(bytes.subarray(hashed, at));
    return bytes.slice(at);
  }

  /** The line that should be there, in the part that is being read: nearly every line. */
  #isNext(sequence: number | null): sequence is number {
    return (
      sequence !== null &&
      this.#waiting === null &&
      sequence === this.#check.last + 1 &&
      (this.#part === null || sequence <= this.#part.known.lastSequence)
    );
  }

  async #take(sequence: number | null, bytes: Uint8Array): Promise<void> {
    await this.#settle(sequence);
    const taken: Taken = this.#check.take(sequence);
    if (taken.kind === "waits") this.#waiting = bytes.slice();
    else await this.#hashAt(taken.sequence, bytes);
  }

  async #settle(next: number | null): Promise<void> {
    const bytes = this.#waiting;
    const settled = this.#check.settle(next);
    this.#waiting = null;
    if (bytes !== null && settled !== null) await this.#hashAt(settled.sequence, bytes);
  }

  /** A line belongs to the part that has its sequence; one that has none, to the part where the next is looked for. */
  async #hashAt(sequence: number | null, bytes: Uint8Array): Promise<void> {
    const place = sequence ?? this.#check.last + 1;
    while (this.#part !== null && place > this.#part.known.lastSequence && this.#later.length > 0)
      await this.#nextPart();
    await this.#hash(bytes);
  }

  async #hash(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await this.#part?.hash.update(bytes);
  }

  /** Closes the part that was read: where no line of it was found wanting, and yet its bytes are others, nothing of it can be trusted. */
  async #nextPart(): Promise<void> {
    if (this.#part !== null) {
      const { hash, known } = this.#part;
      const range = { first: known.firstSequence, last: known.lastSequence };
      const { gaps, damaged } = this.#check;
      const found = await hash.hex();
      const isExplained = meets(gaps, range) || meets(damaged, range) || this.#check.last < range.last;
      if (known.sha256 !== null && found !== known.sha256 && !isExplained)
        note(damaged, { ...range, reason: "altered" });
    }
    const known = this.#later.shift();
    this.#part = known === undefined ? null : { hash: this.#newHash(), known };
  }
}

/** The sequence of an event line; null when it is not one. Bytes that are not UTF-8 are damage, though a lenient reader would show them. */
function sequenceOf(line: Uint8Array): number | null {
  let text: string;
  try {
    text = strict.decode(line);
  } catch {
    // Not an error here: null is how damage is told.
    return null;
  }
  return parseLine(text)?.sequence ?? null;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
