import { utf8Length } from "../protocol/ndjson.ts";

export type OutgoingLine = { line: string; bytes: number };

/** Lines that wait for their batch, in order. Counts as it goes, so that neither the size nor the length is ever searched for. */
export class OutgoingLines {
  #lines: OutgoingLine[] = [];
  /** Taken lines stay in front until there are many: `shift` would move all the others each time. */
  #taken = 0;
  #bytes = 0;

  get count(): number {
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

  /** The oldest lines that fit into `maxBytes`; one longer line alone. */
  takeBatch(maxBytes: number): OutgoingLine[] {
    const start = this.#taken;
    let bytes = 0;
    let end = start;
    for (; end < this.#lines.length; end += 1) {
      const next = this.#lines[end]?.bytes ?? 0;
      if (end > start && bytes + next > maxBytes) break;
      bytes += next;
    }
    const batch = this.#lines.slice(start, end);
    this.#taken = end;
    this.#bytes -= bytes;
    if (this.#taken > 10_000 || this.#taken === this.#lines.length) {
      this.#lines = this.#lines.slice(this.#taken);
      this.#taken = 0;
    }
    return batch;
  }

  clear(): void {
    this.#lines = [];
    this.#taken = 0;
    this.#bytes = 0;
  }
}
