import type { ByteRange } from "./archive-plan.ts";

/**
 * The piece of the whole log that is read for the next put. In memory alone: an object that is evicted over it reads it again, and what was
 * decided before stays decided.
 */
export class GatheredLog {
  #from = 0;
  #to = 0;
  #pieces: Uint8Array[] = [];

  range(): ByteRange {
    return { from: this.#from, to: this.#to };
  }

  /** Segments that begin at `from`: more of what is here, or the beginning of something else. */
  add(from: number, pieces: readonly Uint8Array[]): void {
    if (from !== this.#to) this.forget(from);
    this.#pieces.push(...pieces);
    for (const piece of pieces) this.#to += piece.length;
  }

  take({ from, to }: ByteRange): Uint8Array {
    if (from < this.#from || to > this.#to) throw new Error(`bytes ${from}..${to} were not gathered`);
    const taken = new Uint8Array(to - from);
    let start = this.#from;
    for (const piece of this.#pieces) {
      const wanted = piece.subarray(Math.max(0, from - start), Math.max(0, to - start));
      taken.set(wanted, Math.max(0, start - from));
      start += piece.length;
    }
    return taken;
  }

  /** What lies before `to` has been put. The segment that a part ends in stays: the next part begins with the rest of it. */
  dropThrough(to: number): void {
    for (let first = this.#pieces[0]; first !== undefined && this.#from + first.length <= to; first = this.#pieces[0]) {
      this.#from += first.length;
      this.#pieces.shift();
    }
  }

  forget(at = 0): void {
    this.#from = at;
    this.#to = at;
    this.#pieces = [];
  }
}
