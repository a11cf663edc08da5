import { RunningHash } from "../../../../protocol/running-hash.ts";

/**
 * The page's own SHA-256 over the lines it was given: each with its newline, in order, from the first. The watch sees to it that across any
 * number of connections each line comes once; this sees to it that none was left out.
 */
export class ReceivedHash {
  readonly #hash = new RunningHash();
  readonly #encoder = new TextEncoder();
  #position = 0;
  #isWhole = true;

  /** Of every line up to `last`; null when not all of them have passed through here. */
  of(last: number): string | null {
    return this.#isWhole && this.#position === last ? this.#hash.hex() : null;
  }

  take(lines: readonly { sequence: number; line: string }[]): void {
    if (!this.#isWhole) return;
    let text = "";
    for (const { sequence, line } of lines) {
      if (sequence !== this.#position + 1) {
        this.#isWhole = false;
        return;
      }
      this.#position = sequence;
      text += `${line}\n`;
    }
    // A frame at a time: half as long as line by line.
    this.#hash.update(this.#encoder.encode(text));
  }
}
