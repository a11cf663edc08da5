import type { ProducerEvent } from "../../producer-event.ts";
import type { Masks } from "../masking/masks.ts";
import { consolePieces, MESSAGE_BYTES } from "./console-pieces.ts";
import { LineInProgress } from "./line-in-progress.ts";
import type { Level, Markers, Stream } from "./markers.ts";
import { isAddMask } from "./workflow-command.ts";

/** What is made of output: to be sent in this order. */
export type OutputItem =
  | { kind: "console"; event: ProducerEvent }
  /** Derived from a line. */
  | { kind: "event"; event: ProducerEvent }
  /** A line that was an event, masked. */
  | { kind: "encoded"; line: string }
  /** To be told to whoever started this. */
  | { kind: "notice"; text: string };

export type JobOutputOptions = {
  masks: Masks;
  markers: Markers;
  streams: readonly Stream[];
  /** Asked for every whole line. */
  takeLine?: (line: string) => TakenLine;
};
/** What a line is besides output: nothing, something else altogether, or output with something behind it. */
export type TakenLine = { kind: "output" } | { kind: "instead" | "behind"; items: OutputItem[] };

type Reader = {
  stream: Stream;
  decoder: TextDecoder;
  line: LineInProgress;
  /** The line names a secret and is too long to be read whole: none of it is sent. */
  isHidden: boolean;
};

/**
 * Turns the bytes of a job's outputs into the events of its log: each line a `console.line`, and what the line marks. Invalid UTF-8 is
 * replaced; one trailing `\r` of a line is dropped; a last line without newline counts. However the bytes are cut, the lines are the same.
 */
export class JobOutput {
  readonly #options: JobOutputOptions;
  readonly #readers: readonly Reader[];
  /** The stream whose last line sent is `partial`: the next console line continues it. */
  #open: Reader | null = null;

  constructor(options: JobOutputOptions) {
    this.#options = options;
    this.#readers = options.streams.map((stream) => ({
      stream,
      // A byte-order mark is part of the first line, as any other character.
      decoder: new TextDecoder("utf-8", { ignoreBOM: true }),
      line: new LineInProgress(options.masks),
      isHidden: false,
    }));
  }

  push(stream: Stream, bytes: Uint8Array, now: number): OutputItem[] {
    const reader = this.#readers.find((one) => one.stream === stream);
    if (reader === undefined) throw new Error(`${stream} is not read`);
    return this.#read(reader, reader.decoder.decode(bytes, { stream: true }), now);
  }

  /** What has waited long enough for the end of its line. */
  flush(now: number): OutputItem[] {
    return this.#readers.flatMap((reader) => {
      const { whole } = reader.line;
      if (reader.isHidden || (whole !== null && this.#options.markers.mayRead(reader.stream, whole))) return [];
      const part = reader.line.flush(now);
      return part === null ? [] : this.#part(reader, part);
    });
  }

  /** What is left without a newline. */
  end(now: number): OutputItem[] {
    return this.#readers.flatMap((reader) => {
      const items = this.#read(reader, reader.decoder.decode(), now);
      const isEmpty = reader.line.whole === "" && !reader.isHidden;
      return isEmpty ? items : [...items, ...this.#finishLine(reader, now)];
    });
  }

  #read(reader: Reader, text: string, now: number): OutputItem[] {
    const items: OutputItem[] = [];
    let start = 0;
    for (let newline = text.indexOf("\n"); newline !== -1; newline = text.indexOf("\n", start)) {
      reader.line.append(text.slice(start, newline), now);
      for (const item of this.#finishLine(reader, now)) items.push(item);
      start = newline + 1;
    }
    reader.line.append(text.slice(start), now);
    for (const item of this.#overflow(reader)) items.push(item);
    return items;
  }

  #finishLine(reader: Reader, now: number): OutputItem[] {
    const { line, stream } = reader;
    const { whole } = line;
    if (reader.isHidden) {
      reader.isHidden = false;
      line.drop();
      return [];
    }
    if (whole === null) return this.#console(reader, line.finish(), this.#options.markers.step);

    const text = whole.endsWith("\r") ? whole.slice(0, -1) : whole;
    const { markers, takeLine } = this.#options;
    const taken = takeLine?.(text) ?? { kind: "output" };
    if (taken.kind === "instead") {
      line.drop();
      return taken.items;
    }
    const within = markers.step;
    const reading = markers.read(stream, text, now);
    if (reading.kind === "hidden") {
      line.drop();
      return [];
    }
    const step = reading.before.length > 0 ? markers.step : within;
    const own = this.#console(reader, line.finish(), step, reading.level);
    const behind = taken.kind === "behind" ? taken.items : [];
    return [...reading.before.map(asItem), ...own, ...reading.after.map(asItem), ...behind];
  }

  /** Parts of a line that is too long to be kept whole. */
  #overflow(reader: Reader): OutputItem[] {
    const { line } = reader;
    if (reader.isHidden) {
      line.drop();
      return [];
    }
    const items: OutputItem[] = [];
    const { whole } = line;
    if (whole !== null && whole.length > MESSAGE_BYTES && isAddMask(whole)) {
      reader.isHidden = true;
      line.drop();
      return [
        { kind: "notice", text: "a secret of more than 255 KiB cannot be masked; the line that named it is not sent." },
      ];
    }
    for (let part = line.overflow(); part !== null; part = line.overflow()) items.push(...this.#part(reader, part));
    return items;
  }

  #part(reader: Reader, message: string): OutputItem[] {
    const items = [...this.#closeOther(reader), ...this.#pieces(reader, message, true, this.#options.markers.step)];
    this.#open = reader;
    return items;
  }

  #console(reader: Reader, message: string | null, step: string | undefined, level?: Level): OutputItem[] {
    if (message === null) return [];
    const items = [...this.#closeOther(reader), ...this.#pieces(reader, message, false, step, level)];
    this.#open = null;
    return items;
  }

  /** A partial line is continued by the next, so another output's unfinished line is closed first. */
  #closeOther(reader: Reader): OutputItem[] {
    const open = this.#open;
    if (open === null || open === reader) return [];
    open.line.reopen();
    this.#open = null;
    return this.#pieces(open, "", false, this.#options.markers.step);
  }

  #pieces(
    { stream }: Reader,
    text: string,
    unfinished: boolean,
    step: string | undefined,
    level?: Level,
  ): OutputItem[] {
    return consolePieces(text, unfinished).map(({ message, partial }) => ({
      kind: "console",
      event: {
        type: "console.line",
        ...(step === undefined ? {} : { step }),
        payload: { stream, message, ...(level === undefined ? {} : { level }), ...(partial ? { partial } : {}) },
      },
    }));
  }
}

const asItem = (event: ProducerEvent): OutputItem => ({ kind: "event", event });
