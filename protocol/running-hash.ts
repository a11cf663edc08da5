import { SHA256 } from "@stablelib/sha256";
import { bytesToHex, hexToBytes } from "./hex.ts";

/**
 * Where a SHA-256 stands after some bytes: plain JSON, so that it can be stored and gone on with. `words` are its eight, `rest` the bytes of the
 * block that is not full yet, in hex.
 */
export type HashState = { words: number[]; bytes: number; rest: string };

const BLOCK_BYTES = 64;

/** Of nothing yet. */
export const newHash = (): HashState => new RunningHash().state();

/** SHA-256 that can be put down and taken up again [HASH2]: the platform's own is faster, but what it has read goes with the object. */
export class RunningHash {
  readonly #hash = new SHA256();

  constructor(from?: HashState) {
    if (from === undefined) return;
    const rest = hexToBytes(from.rest);
    const buffer = new Uint8Array(2 * BLOCK_BYTES);
    buffer.set(rest);
    this.#hash.restoreState({
      state: Int32Array.from(from.words),
      buffer,
      bufferLength: rest.length,
      bytesHashed: from.bytes,
    });
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  state(): HashState {
    const { state, buffer, bufferLength, bytesHashed } = this.#hash.saveState();
    return {
      words: [...state],
      bytes: bytesHashed,
      rest: buffer === undefined ? "" : bytesToHex(buffer.subarray(0, bufferLength)),
    };
  }

  /** Of all bytes so far; more may follow. */
  hex(): string {
    const last = new SHA256();
    last.restoreState(this.#hash.saveState());
    return bytesToHex(last.digest());
  }
}
