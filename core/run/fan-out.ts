import type { TerminalStatus } from "../../protocol/event.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { utf8Length } from "../../protocol/ndjson.ts";
import { lineType, matchesTypes } from "../../protocol/type-filter.ts";
import type { Clock, LogWindow, Timer, Watcher, Watchers } from "../ports.ts";
import { acknowledged, fits, sent } from "./flow-control.ts";
import type { WrittenLine } from "./line-writer.ts";

/** Several whole lines, encoded once and sent to every watcher that is at `firstSequence - 1`. */
type Frame = { firstSequence: number; lastSequence: number; text: string; bytes: number };

/** What the fan-out asks of the run. */
export type FanOutSource = {
  /** How the log stands now. `ended` is null while the run is open. */
  head(): { sequence: number; ended: TerminalStatus | null };
  /** Whole lines after `sequence`: at once from the hot log, later from the archive. Null when nothing is there. */
  windowAfter(sequence: number): LogWindow | null | Promise<LogWindow | null>;
  /** A watcher began or ceased to wait: the alarm may have to move. */
  waitingChanged(): void;
  /** A watcher could not be served from the log; the reason is for the server's log. */
  failed(error: unknown): void;
};

/** One `send` costs about this much on workerd; the clock of an object stands still while it works, so it cannot be measured there. */
const SEND_COST_MS = 0.045;
/** Gathering this many times the cost of the last fan-out keeps p99 at the engine's while it sends many lines a frame. */
const GATHER_FACTOR = 3;
const MOST_MISSES = 3;

/**
 * Brings every stored line to every watcher, in order, each once. A watcher at the head gets the frames that all share; one that is behind,
 * or out of room, reads the log at its own pace. Its position says where it is, so nothing is lost when this object forgets. [FAN1] [FAN2]
 */
export class FanOut {
  readonly #watchers: Watchers;
  readonly #timer: Timer;
  readonly #clock: Clock;
  readonly #source: FanOutSource;
  #gathered: WrittenLine[] = [];
  #isGathering = false;
  readonly #reading = new Set<string>();

  constructor(ports: { watchers: Watchers; timer: Timer; clock: Clock }, source: FanOutSource) {
    this.#watchers = ports.watchers;
    this.#timer = ports.timer;
    this.#clock = ports.clock;
    this.#source = source;
  }

  /** Takes lines that are stored. Sends them at once when idle, else with the next frame. */
  publish(lines: readonly WrittenLine[]): void {
    for (const line of lines) this.#gathered.push(line);
    if (this.#isGathering && this.#source.head().ended === null) return;
    this.#flush();
  }

  /** Starts or goes on with every watcher that is behind and may be served: after a wake, nothing else would. */
  resume(): void {
    for (const watcher of this.#watchers.all()) this.serve(watcher);
  }

  /** Serves one watcher from the log until it is at the head, out of room, or already being served. */
  serve(watcher: Watcher): void {
    const { state } = watcher;
    if (state.ended || this.#reading.has(state.watcherId)) return;
    this.#reading.add(state.watcherId);
    this.#readFor(watcher)
      .catch((error: unknown) => this.#source.failed(error))
      .finally(() => this.#reading.delete(state.watcherId));
  }

  acknowledge(watcher: Watcher, sequence: number): void {
    const { state } = watcher;
    acknowledged(state.window, sequence);
    if (state.blockedAt !== null) state.blockedAt = this.#clock.now();
    watcher.keep(state);
    this.serve(watcher);
  }

  outstandingBytes(): number {
    return this.#watchers.all().reduce((sum, watcher) => sum + watcher.state.window.outstandingBytes, 0);
  }

  #flush(): void {
    const lines = this.#gathered;
    const first = lines[0];
    const last = lines.at(-1);
    if (first === undefined || last === undefined) return;
    this.#gathered = [];
    const watchers = this.#watchers.all();
    const framesByFilter = new Map<string, Frame[]>();
    let outstanding = this.outstandingBytes();
    let sends = 0;
    for (const watcher of watchers) {
      const { state } = watcher;
      if (state.ended || state.position >= last.sequence) continue;
      if (state.position !== first.sequence - 1 || !state.caughtUp || this.#reading.has(state.watcherId)) {
        this.serve(watcher);
        continue;
      }
      const filter = state.types === null ? "" : state.types.join(",");
      const frames = framesByFilter.get(filter) ?? linesToFrames(lines, state.types, first.sequence);
      framesByFilter.set(filter, frames);
      let isBlocked = false;
      for (const frame of frames) {
        if (frame.bytes > 0 && !fits(state.window, outstanding, frame.bytes)) {
          isBlocked = true;
          break;
        }
        outstanding += frame.bytes;
        sends += frame.bytes > 0 ? 1 : 0;
        this.#send(watcher, frame);
      }
      if (isBlocked) this.#block(watcher);
      else this.#endIfDone(watcher);
      watcher.keep(state);
    }
    this.#gather(sends);
  }

  /** Holds the next lines back for a small multiple of what the last fan-out cost. */
  #gather(sends: number): void {
    const delayMs = GATHER_FACTOR * SEND_COST_MS * sends;
    if (delayMs < 1) return;
    this.#isGathering = true;
    this.#timer.after(delayMs, () => {
      this.#isGathering = false;
      this.#flush();
    });
  }

  async #readFor(watcher: Watcher): Promise<void> {
    const { state } = watcher;
    let misses = 0;
    for (;;) {
      const head = this.#source.head();
      if (state.position >= head.sequence) break;
      const answer = this.#source.windowAfter(state.position);
      const window = answer instanceof Promise ? await answer : answer;
      if (window === null) {
        // The archive moved on while it was read: ask again where the lines are now, but not for ever.
        misses += 1;
        if (misses > MOST_MISSES) throw new Error(`no lines after ${state.position} although the head is ${head.sequence}`);
        continue;
      }
      misses = 0;
      for (const frame of windowToFrames(window, state.position, state.types)) {
        if (frame.bytes > 0 && !fits(state.window, this.outstandingBytes(), frame.bytes)) {
          this.#block(watcher);
          watcher.keep(state);
          return;
        }
        this.#send(watcher, frame);
      }
      state.blockedAt = null;
      watcher.keep(state);
    }
    if (!state.caughtUp) {
      state.caughtUp = true;
      watcher.send(JSON.stringify({ op: "caught_up", sequence: state.position }));
    }
    this.#endIfDone(watcher);
    watcher.keep(state);
  }

  #send(watcher: Watcher, frame: Frame): void {
    const { state } = watcher;
    if (frame.bytes > 0) {
      watcher.send(frame.text);
      sent(state.window, frame.lastSequence, frame.bytes);
      state.lastSentSequence = frame.lastSequence;
    }
    state.position = frame.lastSequence;
  }

  #block(watcher: Watcher): void {
    watcher.state.blockedAt ??= this.#clock.now();
    this.#source.waitingChanged();
  }

  #endIfDone(watcher: Watcher): void {
    const { state } = watcher;
    const head = this.#source.head();
    if (head.ended === null || state.position < head.sequence || state.ended) return;
    state.ended = true;
    state.blockedAt = null;
    watcher.send(JSON.stringify({ op: "end", status: head.ended, last_sequence: head.sequence }));
    if (!state.stay) watcher.close(1000, "the run has ended");
  }
}

/** Frames of at most 64 KiB, or one longer line alone. A frame without bytes only moves the position over lines that the filter leaves out. */
function linesToFrames(lines: readonly WrittenLine[], types: string[] | null, firstSequence: number): Frame[] {
  const frames: Frame[] = [];
  let frame: Frame = { firstSequence, lastSequence: firstSequence - 1, text: "", bytes: 0 };
  for (const line of lines) {
    if (types !== null && !matchesTypes(types, line.type)) continue;
    if (frame.bytes > 0 && frame.bytes + line.bytes > LIMITS.frameBytes) {
      frames.push(frame);
      frame = { firstSequence: line.sequence, lastSequence: line.sequence, text: "", bytes: 0 };
    }
    frame.text += line.text;
    frame.bytes += line.bytes;
    frame.lastSequence = line.sequence;
  }
  const last = lines.at(-1);
  if (frame.bytes > 0) frames.push(frame);
  // What the filter left out at the end counts as seen, but the marks of the window keep the sequences that were sent.
  if (last !== undefined && last.sequence > (frames.at(-1)?.lastSequence ?? firstSequence - 1)) {
    frames.push({ firstSequence: last.sequence, lastSequence: last.sequence, text: "", bytes: 0 });
  }
  for (const each of frames) each.text = each.text.slice(0, -1);
  return frames;
}

/** The lines of a window after `position`, as frames. */
export function windowToFrames(window: LogWindow, position: number, types: string[] | null): Frame[] {
  const lines: WrittenLine[] = [];
  let sequence = window.firstSequence;
  let from = 0;
  while (from < window.lines.length) {
    const to = window.lines.indexOf("\n", from) + 1;
    if (sequence > position) {
      const text = window.lines.slice(from, to);
      lines.push({ sequence, type: types === null ? "" : lineType(text), text, bytes: utf8Length(text) });
    }
    sequence += 1;
    from = to;
  }
  return linesToFrames(lines, types, position + 1);
}
