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
  readonly #trouble: SpoolTrouble;
  #isAbandoned = false;
  #isClosed = false;

  constructor(files: SpoolFiles, state: SpoolState, trouble: SpoolTrouble) {
    this.#files = files;
    this.#state = state;
    this.#trouble = trouble;
    // A machine that lost its power may have kept the state and not the lines.
    this.#read = Math.min(state.to, files.end);
    this.#linesOnDisk = 0;
    for (const bytes of files.readFrom(this.#read)) this.#linesOnDisk += countLines(bytes);
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
    return this.#tail?.lines ?? 0;
  }

  get bytesInMemory(): number {
    return this.#tail?.bytes ?? 0;
  }

  /** Taken by the process before, and never answered: whether it was stored can only be learned by sending it again, as it was. [SPL4] */
  get unanswered(): OutgoingBatch | null {
    const { answered, from, to, epoch, batch } = this.#state;
    const body = answered || from === to ? new Uint8Array() : this.#files.read(from, to);
    return body.byteLength === 0 ? null : { number: { epoch, sequence: batch }, body, lines: countLines(body) };
  }

  /** Whether the last line of all is the end of the run. */
  get hasEnd(): boolean {
    return this.#files.lastLine?.startsWith(END) === true;
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
    } catch (cause) {
      this.#tail = new OutgoingLines();
      for (const line of lines) this.#tail.push(line);
      this.#trouble.onFull(cause);
    }
  }

  /** Instead of what is in memory, and about to be lost with it, these lines go behind those on disk, if it takes them now. */
  replaceMemory(lines: readonly string[]): void {
    this.#tail = null;
    this.#pending = [...lines];
    this.flush();
  }

  takeBatch(maxBytes: number, number: BatchNumber): OutgoingBatch {
    this.flush();
    const { end } = this.#files;
    const later = this.#read < end ? null : this.#tail;
    const batch = later?.takeBatch(maxBytes, number) ?? this.#readBatch(maxBytes, number);
    const to = later === null ? this.#read + batch.body.byteLength : end;
    // Before it is sent: what is sent and not written down would be sent again as something new.
    this.#save({ epoch: number.epoch, batch: number.sequence, from: this.#read, to, answered: false });
    if (later === null) this.#linesOnDisk -= batch.lines;
    this.#read = to;
    return batch;
  }

  acknowledge(): void {
    this.#save({ answered: true });
    this.#files.free(this.#state.to);
  }

  /** What the server called the run, before anything is sent to it. */
  setRunId(runId: string): void {
    this.#save({ runId });
  }

  close(): void {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    this.#files.close();
  }

  #readBatch(maxBytes: number, number: BatchNumber): OutgoingBatch {
    const body = this.#files.readBatch(this.#read, maxBytes);
    return { number, body, lines: countLines(body) };
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
