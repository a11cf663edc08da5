export type BodyPiece =
  | { kind: "bytes"; bytes: Uint8Array }
  /** Nothing came in time. */
  | { kind: "nothing" }
  | { kind: "ended" }
  /** The sender is gone, in the middle of its body. */
  | { kind: "broken" };

/** Reads a body a piece at a time, and waits for each no longer than is asked. At most one piece is read ahead. */
export class BodyReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #next: Promise<BodyPiece> | null = null;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  async next(waitMs: number): Promise<BodyPiece> {
    this.#next ??= this.#read();
    const { promise: nothing, resolve } = Promise.withResolvers<BodyPiece>();
    const timer = setTimeout(() => resolve({ kind: "nothing" }), waitMs);
    const piece = await Promise.race([this.#next, nothing]);
    clearTimeout(timer);
    if (piece.kind === "bytes") this.#next = null;
    return piece;
  }

  /** Nothing more of the body is wanted: what still comes is thrown away, for so long and so much, and the rest cut off. */
  async discard(forMs: number, bytesMax = Number.POSITIVE_INFINITY): Promise<void> {
    const until = Date.now() + forMs;
    for (let bytes = 0; bytes < bytesMax && Date.now() < until;) {
      const piece = await this.next(until - Date.now());
      if (piece.kind !== "bytes") break;
      bytes += piece.bytes.byteLength;
    }
    await Promise.allSettled([this.#reader.cancel()]);
  }

  async #read(): Promise<BodyPiece> {
    try {
      const { done, value } = await this.#reader.read();
      return done ? { kind: "ended" } : { kind: "bytes", bytes: value };
    } catch {
      // Whatever broke it, there is no more of it, and nobody who could be told why.
      return { kind: "broken" };
    }
  }
}
