import { utf8Length } from "../protocol/ndjson.ts";
import type { BatchNumber, Outbox, OutgoingBatch } from "./outbox.ts";

type OutgoingLine = { line: string; bytes: number };

/** An outbox in memory. Counts as it goes, so that neither the size nor the length is ever searched for. */
export class OutgoingLines implements Outbox {
  #lines: OutgoingLine[] = [];
  /** Taken lines stay in front until there are many: `shift` would move all the others each time. */
  #taken = 0;
  #bytes = 0;

  get lines(): number {
    return this.#lines.length - this.#taken;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(line: string): void {
    const bytes = utf8Length(line) + 1;
    this.#lines.push({ line, bytes });
    this.#bytes += bytes;
  }

  takeBatch(maxBytes: number, number: BatchNumber): OutgoingBatch {
    const start = this.#taken;
    let bytes = 0;
    let end = start;
    for (; end < this.#lines.length; end += 1) {
      const next = this.#lines[end]?.bytes ?? 0;
      if (end > start && bytes + next > maxBytes) break;
      bytes += next;
    }
    const text = this.#lines.slice(start, end).map(({ line }) => `${line}\n`);
    this.#taken = end;
    this.#bytes -= bytes;
    if (this.#taken > 10_000 || this.#taken === this.#lines.length) {
      this.#lines = this.#lines.slice(this.#taken);
      this.#taken = 0;
    }
    return { number, body: new TextEncoder().encode(text.join("")), lines: text.length };
  }

  /** What was taken is not kept here. */
  acknowledge(): void {}

  close(): void {
    this.#lines = [];
    this.#taken = 0;
    this.#bytes = 0;
  }
}
