/** What a batch is called to the server: 1, 2, 3 … for each epoch of its producer. [APP15] */
export type BatchNumber = { epoch: number; sequence: number };
/** Whole lines with their newlines, and the number under which they were or are to be sent. */
export type OutgoingBatch = {
  number: BatchNumber;
  body: Uint8Array<ArrayBuffer>;
  /** How many of the lines that were pushed are in it. */
  lines: number;
  /** How many its outbox could not give back, and will in no other batch. */
  missing?: number;
};

/** What was written and is not in a batch yet, in order. */
export type Outbox = {
  readonly lines: number;
  readonly bytes: number;
  /** Takes one line, without its newline. */
  push(line: string): void;
  /** The oldest lines that fit into `maxBytes`, or one longer line alone. At most one batch is out at a time. */
  takeBatch(maxBytes: number, number: BatchNumber): OutgoingBatch;
  /** The batch that is out is stored. */
  acknowledge(): void;
  /** Nothing more will be taken from it. */
  close(): void;
};

/** The same batch with another line in place of the one at `index` (from 0); null when `instead` has none, or that very line, or there is no such line. */
export function mendLine(
  body: Uint8Array,
  index: number,
  instead: (line: string) => string | null,
): Uint8Array<ArrayBuffer> | null {
  const lines = new TextDecoder().decode(body).split("\n");
  const line = lines[index];
  // Behind the last newline there is no line.
  if (line === undefined || index === lines.length - 1) return null;
  const mended = instead(line);
  // The same line again would be refused again, for ever.
  return mended === null || mended === line ? null : new TextEncoder().encode(lines.with(index, mended).join("\n"));
}
