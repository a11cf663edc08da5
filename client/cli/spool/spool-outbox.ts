import type { BatchNumber, Outbox, OutgoingBatch } from "../../outbox.ts";
import { OutgoingLines } from "../../outgoing-lines.ts";
import type { SpoolFiles } from "./spool-files.ts";
import type { SpoolState } from "./spool-state.ts";
import { countLines } from "./whole-lines.ts";

/** The end of a run, as `RunProducer` writes it. */
const END = '{"type":"run.completed"';

export type SpoolTrouble = {
  /** Later lines are in memory alone. */
  onFull: (cause: unknown) => void;
  /** The state cannot be kept: nobody may ever take the spool up again. What is in it is still sent from here. */
  onAbandoned: (cause: unknown) => void;
  /** So many lines cannot be read back, and later ones are in memory alone. Answers with the lines that say so in their place. */
  onUnreadable: (cause: unknown, lines: number) => readonly string[];
  /** A file cannot be deleted or closed. Told once. */
  onUntidy: (cause: unknown) => void;
};

/**
 * An outbox on disk: a line is written there before it is sent and stays until its batch is acknowledged; of each batch it is written down,
 * before it is sent, which lines it is. [SPL1]
 *
 * When the disk takes no more, later lines wait in memory behind those on disk.
 */
export class SpoolOutbox implements Outbox {
  readonly #files: SpoolFiles;
  #state: SpoolState;
  /** Pushed and not written yet: what comes in one turn is written at once. */
  #pending: string[] = [];
  #pendingBytes = 0;
  /** Lines before it are taken. */
  #read: number;
  #linesOnDisk: number;
  /** Lines since the disk took no more. */
  #tail: OutgoingLines | null = null;
  /** Of the batch that is out, lines that are not on disk. */
  #outInMemory = 0;
  /** The last line on disk, if it is the end of the run. */
  #end: string | null;
  readonly #trouble: SpoolTrouble;
  #isAbandoned = false;
  #isUntidy = false;
  #isClosed = false;
  /** Taken by the process before, and never answered: whether it was stored can only be learned by sending it again, as it was. [SPL4] */
  readonly unanswered: OutgoingBatch | null;

  /** Throws when what is on disk cannot be read. */
  constructor(files: SpoolFiles, state: SpoolState, trouble: SpoolTrouble) {
    this.#files = files;
    this.#state = state;
    this.#trouble = trouble;
    // A machine that lost its power may have kept the state and not the lines.
    this.#read = Math.min(state.to, files.end);
    this.#linesOnDisk = 0;
    for (const bytes of files.readFrom(this.#read)) this.#linesOnDisk += countLines(bytes);
    this.#end = endAmong([files.lastLine]);
    this.unanswered = unansweredOf(files, state);
  }

  get lines(): number {
    return this.#linesOnDisk + this.#pending.length + (this.#tail?.lines ?? 0);
  }

  get bytes(): number {
    return this.#files.end - this.#read + this.#pendingBytes + (this.#tail?.bytes ?? 0);
  }

  get state(): SpoolState {
    return this.#state;
  }

  /** Lines that are in memory alone. */
  get linesInMemory(): number {
    return this.#outInMemory + (this.#tail?.lines ?? 0);
  }

  get bytesInMemory(): number {
    return this.#tail?.bytes ?? 0;
  }

  /** Whether the last line of all is the end of the run. */
  get hasEnd(): boolean {
    return this.#end !== null;
  }

  push(line: string): void {
    if (this.#tail !== null) return this.#tail.push(line);
    // Whatever else happens in this turn, at its end the line is on disk.
    if (this.#pending.length === 0) queueMicrotask(() => this.flush());
    this.#pending.push(line);
    this.#pendingBytes += line.length + 1;
  }

  /** Writes down what was pushed. */
  flush(): void {
    if (this.#pending.length === 0 || this.#isClosed) return;
    const lines = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      this.#files.append(Buffer.from(`${lines.join("\n")}\n`));
      this.#linesOnDisk += lines.length;
      this.#end = endAmong(lines);
    } catch (cause) {
      this.#tail = new OutgoingLines();
      for (const line of lines) this.#tail.push(line);
      this.#trouble.onFull(cause);
    }
  }

  /** Instead of what is in memory, and about to be lost with it, these lines go behind those on disk, if it takes them now. */
  replaceMemory(lines: readonly string[]): void {
    this.#tail = null;
    this.#outInMemory = 0;
    this.#pending = [...lines];
    this.flush();
  }

  takeBatch(maxBytes: number, number: BatchNumber): OutgoingBatch {
    this.flush();
    const { batch, isOnDisk } = this.#take(maxBytes, number);
    const from = this.#read;
    if (isOnDisk) this.#read += batch.body.byteLength;
    // Before it is sent: what is sent and not written down would be sent again as something new.
    this.#save({ epoch: number.epoch, batch: number.sequence, from, to: this.#read, answered: false });
    if (isOnDisk) this.#linesOnDisk -= batch.lines;
    else this.#outInMemory = batch.lines + (batch.missing ?? 0);
    return batch;
  }

  acknowledge(): void {
    this.#outInMemory = 0;
    this.#save({ answered: true });
    this.#tidy(() => this.#files.free(this.#state.to));
  }

  /** What the server called the run, before anything is sent to it. */
  setRunId(runId: string): void {
    this.#save({ runId });
  }

  close(): void {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    this.#tidy(() => this.#files.close());
  }

  #take(maxBytes: number, number: BatchNumber): { batch: OutgoingBatch; isOnDisk: boolean } {
    const later = this.#read < this.#files.end ? null : this.#tail;
    if (later !== null) return { batch: later.takeBatch(maxBytes, number), isOnDisk: false };
    try {
      const body = this.#files.readBatch(this.#read, maxBytes);
      return { batch: { number, body, lines: countLines(body) }, isOnDisk: true };
    } catch (cause) {
      return { batch: this.#skipDisk(cause, number), isOnDisk: false };
    }
  }

  /** What stands in the log for all that is on disk, which is not trusted any more: that it is missing, and the end, without which the run never had one. [SPL8] */
  #skipDisk(cause: unknown, number: BatchNumber): OutgoingBatch {
    const ends = this.#end === null ? [] : [this.#end];
    const missing = this.#linesOnDisk - ends.length;
    this.#read = this.#files.end;
    this.#linesOnDisk = 0;
    this.#tail ??= new OutgoingLines();
    const lines = [...this.#trouble.onUnreadable(cause, missing), ...ends];
    return { number, body: new TextEncoder().encode(`${lines.join("\n")}\n`), lines: ends.length, missing };
  }

  /** What is not tidy stays; nobody's command ends for it. */
  #tidy(action: () => void): void {
    try {
      action();
    } catch (cause) {
      if (!this.#isUntidy) this.#trouble.onUntidy(cause);
      this.#isUntidy = true;
    }
  }

  #save(change: Partial<SpoolState>): void {
    this.#state = { ...this.#state, ...change };
    // Closed, it is whoever resumes it that writes: an answer that comes now is asked for again by the same key.
    if (this.#isAbandoned || this.#isClosed) return;
    try {
      this.#files.saveState(this.#state);
    } catch (cause) {
      // With a state that is behind, what was sent since would be sent again as something new.
      this.#isAbandoned = true;
      this.#trouble.onAbandoned(cause);
    }
  }
}

function unansweredOf(files: SpoolFiles, { answered, from, to, epoch, batch }: SpoolState): OutgoingBatch | null {
  const body = answered || from === to ? new Uint8Array() : files.read(from, to);
  return body.byteLength === 0 ? null : { number: { epoch, sequence: batch }, body, lines: countLines(body) };
}

function endAmong(lines: readonly (string | null)[]): string | null {
  const last = lines.at(-1) ?? null;
  return last?.startsWith(END) === true ? last : null;
}
