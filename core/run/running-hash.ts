import { bytesToHex, hexToBytes } from "../../protocol/hex.ts";

/**
 * Where a SHA-256 stands after some bytes: plain JSON, so that it can be stored and gone on with. `words` are its eight, `rest` the bytes of the
 * block that is not full yet, in hex.
 */
export type HashState = { words: number[]; bytes: number; rest: string };

const BLOCK_BYTES = 64;
/** The bits of the message's length stand in the last eight bytes of the last block. */
const LENGTH_AT = BLOCK_BYTES - 8;
const ROUNDS = 64;
/** The first 32 bits of the fractions of the square roots of the first eight primes. */
const FIRST_WORDS = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/** Of nothing yet. */
export const newHash = (): HashState => ({ words: FIRST_WORDS, bytes: 0, rest: "" });

/**
 * SHA-256 (FIPS 180-4) that can be put down and taken up again [HASH2]: the platform's own is faster, but what it has read goes with the object. Words are kept in
 * `DataView`s: in arrays the same arithmetic takes three times as long (docs/decisions/066).
 */
export class RunningHash {
  readonly #words = new DataView(new ArrayBuffer(32));
  readonly #block = new Uint8Array(BLOCK_BYTES);
  readonly #blockView = new DataView(this.#block.buffer);
  #bytes: number;

  constructor(from: HashState) {
    for (const [at, word] of from.words.entries()) this.#words.setInt32(4 * at, word);
    this.#bytes = from.bytes;
    this.#block.set(hexToBytes(from.rest));
  }

  update(bytes: Uint8Array): void {
    const held = this.#bytes % BLOCK_BYTES;
    this.#bytes += bytes.length;
    let at = 0;
    if (held > 0) {
      at = Math.min(bytes.length, BLOCK_BYTES - held);
      this.#block.set(bytes.subarray(0, at), held);
      if (held + at < BLOCK_BYTES) return;
      compress(this.#words, this.#blockView, 0);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) compress(this.#words, view, at);
    this.#block.set(bytes.subarray(at));
  }

  state(): HashState {
    const words = Array.from({ length: 8 }, (_, at) => this.#words.getInt32(4 * at));
    return { words, bytes: this.#bytes, rest: bytesToHex(this.#block.subarray(0, this.#bytes % BLOCK_BYTES)) };
  }

  /** Of all bytes so far; more may follow. */
  hex(): string {
    const words = new DataView(this.#words.buffer.slice(0));
    const held = this.#bytes % BLOCK_BYTES;
    const last = new Uint8Array(held < LENGTH_AT ? BLOCK_BYTES : 2 * BLOCK_BYTES);
    const view = new DataView(last.buffer);
    last.set(this.#block.subarray(0, held));
    last[held] = 0x80;
    view.setBigUint64(last.length - 8, BigInt(this.#bytes) * 8n);
    for (let at = 0; at < last.length; at += BLOCK_BYTES) compress(words, view, at);
    return bytesToHex(new Uint8Array(words.buffer));
  }
}

const ROUND_CONSTANTS = roundConstants();
const schedule = new DataView(new ArrayBuffer(4 * ROUNDS));

/** The first 32 bits of the fractions of the cube roots of the first 64 primes. */
function roundConstants(): DataView {
  const constants = new DataView(new ArrayBuffer(4 * ROUNDS));
  const primes: number[] = [];
  for (let candidate = 2; primes.length < ROUNDS; candidate += 1)
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  for (const [at, prime] of primes.entries()) constants.setInt32(4 * at, Math.floor((Math.cbrt(prime) % 1) * 2 ** 32));
  return constants;
}

const rotated = (word: number, by: number): number => (word << (32 - by)) | (word >>> by);

/** Takes the 64 bytes at `from` into `words`. */
function compress(words: DataView, block: DataView, from: number): void {
  for (let at = 0; at < BLOCK_BYTES; at += 4) schedule.setInt32(at, block.getInt32(from + at));
  for (let at = BLOCK_BYTES; at < 4 * ROUNDS; at += 4) {
    const w15 = schedule.getInt32(at - 60);
    const w2 = schedule.getInt32(at - 8);
    const s0 = rotated(w15, 7) ^ rotated(w15, 18) ^ (w15 >>> 3);
    const s1 = rotated(w2, 17) ^ rotated(w2, 19) ^ (w2 >>> 10);
    schedule.setInt32(at, (schedule.getInt32(at - 64) + s0 + schedule.getInt32(at - 28) + s1) | 0);
  }
  let a = words.getInt32(0);
  let b = words.getInt32(4);
  let c = words.getInt32(8);
  let d = words.getInt32(12);
  let e = words.getInt32(16);
  let f = words.getInt32(20);
  let g = words.getInt32(24);
  let h = words.getInt32(28);
  for (let at = 0; at < 4 * ROUNDS; at += 4) {
    const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const one = (h + s1 + ((e & f) ^ (~e & g)) + ROUND_CONSTANTS.getInt32(at) + schedule.getInt32(at)) | 0;
    const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  words.setInt32(0, words.getInt32(0) + a);
  words.setInt32(4, words.getInt32(4) + b);
  words.setInt32(8, words.getInt32(8) + c);
  words.setInt32(12, words.getInt32(12) + d);
  words.setInt32(16, words.getInt32(16) + e);
  words.setInt32(20, words.getInt32(20) + f);
  words.setInt32(24, words.getInt32(24) + g);
  words.setInt32(28, words.getInt32(28) + h);
}
